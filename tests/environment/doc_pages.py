"""The pages of packaging/docs as data: their blocks of commands, what output they promise, and the comments that steer
their test. A comment stands on lines of its own before the block it belongs to, and shows nowhere in the rendered page:

    <!-- sandbox: bundle -->          for the page: what its folder holds at first (docs.py: Sandbox)
    <!-- needs: gpu -->               the block only runs where that is (docs.py: NEEDS); counted as skipped elsewhere
    <!-- background: REGEX -->        the block goes on running behind the next ones, once its output has matched
    <!-- exit: 11 -->                 the exit code that the block ends with; 0 without a comment
    <!-- seconds: 300 -->             the longest that it may take
    <!-- file: train.py -->           no commands: the text of a file in the working folder
"""

import dataclasses
import re

COMMENT = re.compile(r"<!-- (\w+): (.*?) -->")
STEERING = {"sandbox", "needs", "background", "exit", "seconds", "file"}


class PageError(Exception):
    pass


@dataclasses.dataclass
class Block:
    line: int
    language: str
    text: str
    steering: dict
    expected: str | None = None

    @property
    def label(self):
        first = self.text.strip().splitlines()[0]
        return first if len(first) <= 70 else first[:69] + "…"


@dataclasses.dataclass
class Page:
    name: str
    text: str
    blocks: list
    sandbox: list

    @property
    def links(self):
        return re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", self.text)


def parse_page(name, text):
    blocks, sandbox, steering = [], [], {}
    lines = text.splitlines()
    number, last_end = 0, -1
    while number < len(lines):
        line = lines[number]
        fence = re.fullmatch(r"```(\w*)", line)
        if fence:
            end = next((i for i in range(number + 1, len(lines)) if lines[i] == "```"), None)
            if end is None:
                raise PageError(f"{name}:{number + 1}: a block without an end")
            body = "\n".join(lines[number + 1:end]) + "\n"
            language = fence[1]
            if language == "text" and blocks and blocks[-1].language == "sh" and not any(
                    each.strip() for each in lines[last_end + 1:number]):
                blocks[-1].expected = body
            elif language == "sh" or "file" in steering:
                blocks.append(Block(number + 1, language, body, steering))
            elif steering:
                raise PageError(f"{name}:{number + 1}: a comment steers a block that is not run")
            elif language not in ("text", "python", "ini", "toml", "yaml", "tcl", "json"):
                raise PageError(f"{name}:{number + 1}: a block of no known kind {language!r} is not run")
            steering, last_end, number = {}, end, end + 1
            continue
        comment = COMMENT.fullmatch(line)
        if comment:
            if comment[1] not in STEERING:
                raise PageError(f"{name}:{number + 1}: an unknown comment {comment[1]}")
            if comment[1] == "sandbox":
                sandbox += comment[2].split()
            else:
                steering[comment[1]] = comment[2]
        elif line.strip() and steering:
            raise PageError(f"{name}:{number + 1}: a comment stands before no block")
        number += 1
    return Page(name, text, blocks, sandbox)


def missing_output(expected, output):
    """The first promised line that the output lacks, in order; "" when all are there. `…` stands for any text, a line
    of it alone for any lines."""
    lines = [line.rstrip() for line in output.splitlines()]
    at = 0
    for promise in expected.splitlines():
        if promise.strip() in ("…", ""):
            continue
        pattern = re.compile(re.sub(r"(?:\\ )+", r"\\s+", ".*".join(map(re.escape, promise.rstrip().split("…")))))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return promise
        at += 1
    return ""
