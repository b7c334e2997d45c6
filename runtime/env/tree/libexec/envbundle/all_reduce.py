"""Two processes on this node add up a tensor, over gloo and, where there are two GPUs, over NCCL: what
`envrun doctor --run` starts with the release's Python.

Says on stdout how the ranks reached each other, a line each (--json: a record each), and exits 1 when a sum is wrong, a
rank fails or nothing has come after the time limit.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

RANKS = 2
SIZE = 1 << 20  # numbers in the tensor
GROUP_SECONDS = 45  # a collective that waits longer is given up by PyTorch
RUN_SECONDS = 120  # for all of a run, importing torch twice included


def rank_main(backend, rank, folder):
    import datetime

    import torch
    import torch.distributed as dist

    device = torch.device("cuda", rank) if backend == "nccl" else torch.device("cpu")
    if backend == "nccl":
        torch.cuda.set_device(device)
    # A file instead of a port: nothing listens, and nothing else can answer.
    dist.init_process_group(
        backend, init_method=f"file://{folder}/store", rank=rank, world_size=RANKS,
        timeout=datetime.timedelta(seconds=GROUP_SECONDS),
    )
    numbers = torch.full((SIZE,), float(rank + 1), device=device)
    dist.all_reduce(numbers)
    wanted = RANKS * (RANKS + 1) / 2
    if not bool((numbers == wanted).all()):
        raise SystemExit(f"rank {rank}: the sum is {numbers[0].item()} instead of {wanted}")
    dist.destroy_process_group()
    print(f"rank {rank}: ok")


def run_backend(backend, folder):
    """"" when all ranks have the sum, else what went wrong."""
    environment = dict(os.environ)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        environment.pop(name, None)  # left over from a launcher
    environment |= {"OMP_NUM_THREADS": "1"}
    if backend == "nccl":
        environment |= {"NCCL_DEBUG": "INFO", "NCCL_DEBUG_FILE": f"{folder}/nccl.%p"}
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__, "--rank", str(rank), "--backend", backend, "--folder", str(folder)],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )
        for rank in range(RANKS)
    ]
    problems = []
    for number, rank in enumerate(ranks):
        try:
            output, _ = rank.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            rank.kill()
            output, _ = rank.communicate()
            problems.append(f"rank {number} had not ended after {RUN_SECONDS} s")
        if rank.returncode != 0:
            lines = [line for line in output.splitlines() if line.strip()]
            problems.append(f"rank {number}: " + (lines[-1].strip() if lines else f"exit code {rank.returncode}"))
    return "; ".join(problems)


def nccl_transports(folder):
    """The transports and the network that NCCL's own log names."""
    log = "\n".join(path.read_text(errors="replace") for path in sorted(pathlib.Path(folder).glob("nccl.*")))
    transports = sorted(set(re.findall(r"Channel .* via (\S+)", log)))
    networks = sorted(set(re.findall(r"Using network (.+)", log)))
    bootstrap = sorted(set(re.findall(r"Bootstrap ?: Using (\S+)", log)))
    return {"transports": transports, "networks": networks, "bootstrap": bootstrap}


def gpu_count():
    """Asked in a process of its own: a driver that hangs must not hold this one."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"],
            capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
        )
        return int(asked.stdout.strip() or 0)
    except (subprocess.TimeoutExpired, ValueError):
        return 0


def results():
    yield from run_one("gloo")
    gpus = gpu_count()
    if gpus < RANKS:
        why = "no NVIDIA device" if gpus == 0 else "two GPUs are needed, there is one"
        yield {"record": "run", "backend": "nccl", "state": "skipped", "text": why}
    else:
        yield from run_one("nccl")


def run_one(backend):
    with tempfile.TemporaryDirectory(prefix="envbundle-reduce-") as folder:
        problem = run_backend(backend, folder)
        record = {"record": "run", "backend": backend, "state": "failed" if problem else "ok",
                  "text": problem or f"{RANKS} processes on this node, the sum is right"}
        if backend == "nccl":
            found = nccl_transports(folder)
            record |= found
            if found["transports"]:
                record["text"] += ": via " + ", ".join(found["transports"])
            if found["networks"]:
                record["text"] += "; network between nodes: " + ", ".join(found["networks"])
        yield record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rank", type=int)
    parser.add_argument("--backend")
    parser.add_argument("--folder")
    given = parser.parse_args()
    if given.rank is not None:
        rank_main(given.backend, given.rank, given.folder)
        return 0
    failed = False
    if not given.json:
        print("two processes reduce a tensor (--run)", flush=True)
    for record in results():
        failed = failed or record["state"] == "failed"
        if given.json:
            print(json.dumps(record), flush=True)
        else:
            print(f"  {record['state']:<9}{record['backend']:<18}{record['text']}", flush=True)
            if record["state"] == "failed":
                print("           do:  envrun doctor network nccl: an interface that leads nowhere, or a host name "
                      "that is not this node, is the usual cause")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
