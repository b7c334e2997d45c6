#!/usr/bin/env python3
"""driver_rules.json -> C++: `generate_rules.py RULES.json OUT.cpp`. Python 3 alone.

Refuses what the program could not use: a bad version, an unsorted or a double row, a floor above the driver
that came with the toolkit. The build fails then, not the installer.
"""

import json
import re
import sys


class BadRules(Exception):
    """A row that breaks a rule."""


def version(text: str, pattern: str = r"\d+(\.\d+)*") -> tuple[int, ...]:
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise BadRules(f"bad version {text!r}")
    return tuple(int(part) for part in text.split("."))


def capability(text: str) -> str:
    version(text, r"\d{1,2}\.\d")
    return text


def capabilities(text: str) -> str:
    numbers = [version(capability(word)) for word in text.split()]
    if numbers != sorted(set(numbers)):
        raise BadRules(f"capabilities not ascending: {text!r}")
    return text


def quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise BadRules(f"text must be printable ASCII: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def ascending(keys: list, what: str) -> None:
    if not keys:
        raise BadRules(f"{what}: no rows")
    for one, two in zip(keys, keys[1:]):
        if not one < two:
            raise BadRules(f"{what}: {two} does not come after {one}")


def part(rules: dict, name: str) -> list:
    for key in ("source", "date", "columns"):
        if not rules[name].get(key):
            raise BadRules(f"{name}: {key} is missing")
    return rules[name]["rows"]


def array(kind: str, name: str, rows: list[str]) -> str:
    return f"constexpr {kind} {name}[] = {{\n" + "".join(f"    {{{row}}},\n" for row in rows) + "};\n"


def generate(rules: dict) -> str:
    toolkits, branches = part(rules, "toolkits"), part(rules, "branches")
    ascending([version(row[0], r"\d+\.\d+\.\d+") for row in toolkits], "toolkits")
    for toolkit, driver, floor in toolkits:
        if version(floor) > version(driver):
            raise BadRules(f"toolkit {toolkit}: floor {floor} is above its driver {driver}")
    ascending([row[0] for row in branches], "branches")
    ascending([version(row[1], r"\d+\.\d+") for row in branches], "CUDA of the branches")
    compat = part(rules, "forward_compat")
    ascending([row[0] for row in compat], "forward_compat")
    torch = part(rules, "torch_builds")
    ascending([(version(row[0]), version(row[1])) for row in torch], "torch_builds")
    pci = part(rules, "pci_ids")
    ends = [int(text, 16) for row in pci for text in row[:2]]
    if any(one > two for one, two in zip(ends, ends[1:])):
        raise BadRules("pci_ids: ranges overlap or are not ascending")
    generations, names = part(rules, "generations"), part(rules, "names")

    text = "// Made from driver_rules.json by generate_rules.py.\n"
    text += '#include "installer/driver/rule_tables.hpp"\n\nnamespace eb {\nnamespace {\n\n'
    text += array("ToolkitRule", "kToolkits", [", ".join(map(quoted, row)) for row in toolkits])
    text += array("BranchRule", "kBranches", [f"{row[0]}, {quoted(row[1])}" for row in branches])
    for branch, hosts in compat:
        ascending(hosts, f"hosts of {branch}")
        text += f"constexpr int kHosts{branch}[] = {{{', '.join(map(str, hosts))}}};\n"
    text += array("CompatRule", "kCompat", [f"{row[0]}, kHosts{row[0]}" for row in compat])
    text += ("constexpr const char* kNeverCompat[] = {"
             + ", ".join(map(quoted, rules["forward_compat"]["never_on"])) + "};\n")
    text += array("TorchBuild", "kTorch",
                  [f"{quoted(row[0])}, {quoted(row[1])}, {quoted(capabilities(row[2]))}, "
                   f"{quoted(capabilities(row[3]))}" for row in torch])
    text += array("GenerationRule", "kGenerations",
                  [f"{quoted(row[0])}, {row[1]:d}, {row[2]:d}" for row in generations])
    text += array("PciRange", "kPci",
                  [f"0x{int(row[0], 16):04x}, 0x{int(row[1], 16):04x}, {quoted(capability(row[2]))}, "
                   f"{quoted(row[3])}" for row in pci])
    text += array("NameRule", "kNames",
                  [f"{quoted(row[0])}, {quoted(capability(row[1]))}, {quoted(row[2])}" for row in names])
    text += ("\n}  // namespace\n\nconst RuleTables& rule_tables() {\n"
             f"  static constexpr RuleTables kTables = {{{quoted(rules['as_of'])}, kToolkits, kBranches, kCompat,\n"
             "                                         kNeverCompat, kTorch, kGenerations, kPci, kNames};\n"
             "  return kTables;\n}\n\n}  // namespace eb\n")
    return text


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        rules = json.load(file)
    try:
        text = generate(rules)
    except (BadRules, KeyError, ValueError) as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
