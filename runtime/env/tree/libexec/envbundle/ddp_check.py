"""Proves that the processes of a distributed run find, hear and understand one another: `envrun ddp-check`.

One of these runs on each node. It tells the first node that it is there, starts the node's workers, and ends them when
time is up. The workers form one group (NCCL where there are GPUs, else gloo), add arrays up, pass one on, and train a
small model together, whose gradients must be those of one process that has all the data. The first node collects what
everybody says, and says who is missing. Needs torch, no name server beyond what names the nodes, and nothing is left.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta

FAILED = 31
STARTED = time.monotonic()


def options_of(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", default="", help="names of the nodes, in order; empty: this one alone")
    parser.add_argument("--node", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--backend", default="")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--mebibytes", type=int, default=32)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)  # RANK:LOCAL:WORLD:HOST:PORT:BACKEND
    return parser.parse_args(arguments)


def seconds_left(options):
    return max(1.0, options.seconds - (time.monotonic() - STARTED))


# --- a worker

def work(options):
    rank, local, world, host, port, backend = options.worker.split(":")
    rank, local, world = int(rank), int(local), int(world)
    import torch
    import torch.distributed as dist
    limit = timedelta(seconds=seconds_left(options))
    store = dist.TCPStore(host, int(port), None, False, limit)
    record = {"rank": rank, "host": socket.gethostname(), "backend": backend, "device": "cpu"}
    try:
        device = torch.device("cpu")
        if backend == "nccl":
            torch.cuda.set_device(local)
            device = torch.device("cuda", local)
            record["device"] = f"cuda:{local} {torch.cuda.get_device_name(local)}"
        dist.init_process_group(backend, store=dist.PrefixStore("group", store), rank=rank, world_size=world,
                                timeout=limit)
        record |= collectives(torch, dist, device, rank, world, options.mebibytes)
        record |= training_step(torch, dist, device, rank, world)
        dist.barrier()
    except Exception as error:  # whatever it is, the first node shall hear of it
        record["error"] = f"{type(error).__name__}: {error}".splitlines()[0][:400]
    store.set(f"result/{rank}", json.dumps(record))
    # The node's own process ends the workers when the verdict is there: a worker that left early would cut off others.
    try:
        store.wait(["verdict"], limit)
    except Exception:
        pass
    return FAILED if "error" in record else 0


def collectives(torch, dist, device, rank, world, mebibytes):
    ones = torch.full((1000,), float(rank + 1), device=device)
    dist.all_reduce(ones)
    expected = world * (world + 1) / 2
    if not bool((ones == expected).all()):
        raise RuntimeError(f"all-reduce gave {ones[0].item()}, expected {expected}")
    message = torch.arange(1000, device=device) * (7 if rank == world - 1 else 0)
    dist.broadcast(message, src=world - 1)
    if not bool((message == torch.arange(1000, device=device) * 7).all()):
        raise RuntimeError("broadcast gave other numbers than were sent")
    big = torch.ones(mebibytes * (1 << 18), device=device)
    dist.all_reduce(big)  # the first one makes connections
    times = []
    for _ in range(3):
        dist.barrier()
        begin = time.monotonic()
        dist.all_reduce(big)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - begin)
    # What each process sends of a ring all-reduce: 2 (n-1)/n of the array ("bus bandwidth" of nccl-tests).
    sent = big.numel() * 4 * 2 * (world - 1) / world
    return {"all_reduce_seconds": round(min(times), 6), "bus_gigabytes_per_second": round(sent / min(times) / 1e9, 3)}


def training_step(torch, dist, device, rank, world):
    torch.manual_seed(11)
    inputs, wanted = torch.randn(4 * world, 16), torch.randn(4 * world, 4)
    alone = torch.nn.Linear(16, 4)
    torch.nn.functional.mse_loss(alone(inputs), wanted).backward()
    model = torch.nn.Linear(16, 4)
    model.load_state_dict(alone.state_dict())
    shared = torch.nn.parallel.DistributedDataParallel(model.to(device))
    part = slice(4 * rank, 4 * rank + 4)
    torch.nn.functional.mse_loss(shared(inputs[part].to(device)), wanted[part].to(device)).backward()
    difference = float((model.weight.grad.cpu() - alone.weight.grad).abs().max())
    if difference > 1e-4:
        raise RuntimeError(f"the gradients differ from one process's by {difference:.2e}")
    return {"ddp_gradient_difference": difference}


# --- a node

def check_node(options):
    names = options.nodes.split(",") if options.nodes else [socket.gethostname()]
    is_first = options.node == 0
    import torch
    from torch.distributed import TCPStore
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    host = names[0] if len(names) > 1 else "127.0.0.1"
    try:
        store = TCPStore(host, options.port, None, is_first, timedelta(seconds=seconds_left(options)),
                         wait_for_workers=False)
    except Exception as error:
        where = f"{host}:{options.port}"
        say(f"ddp-check: {socket.gethostname()}: " + (
            f"cannot listen at {where}: another program has the port, or that is not this node's address" if is_first
            else f"does not reach the first node at {where} within {options.seconds} s: is there a firewall between "
                 f"compute nodes, does {host} name it here?") + f" ({str(error).splitlines()[0][:200]})")
        return FAILED
    # Each node says what it brings; then all know who has which rank.
    mine = {"host": socket.gethostname(), "gpus": gpus}
    store.set(f"node/{options.node}", json.dumps(mine))
    nodes, missing = wait_for(store, [f"node/{i}" for i in range(len(names))], 0.5 * seconds_left(options))
    if missing:
        lost = [names[int(key.split("/")[1])] for key in missing]
        return finish(options, store, names, [], f"no word from {', '.join(lost)}: not started there, or the network "
                      f"does not let it reach {host}:{store.port}")
    nodes = [json.loads(value) for value in nodes]
    backend = options.backend or ("nccl" if all(node["gpus"] for node in nodes) else "gloo")
    without_gpus = 2 if len(names) == 1 else 1
    counts = [options.processes or (node["gpus"] if backend == "nccl" else without_gpus) for node in nodes]
    if backend == "nccl" and any(count > node["gpus"] for count, node in zip(counts, nodes)):
        return finish(options, store, names, [], "nccl needs a GPU for each process; GPUs: " +
                      ", ".join(f"{name} {node['gpus']}" for name, node in zip(names, nodes)))
    first, world = sum(counts[:options.node]), sum(counts)
    workers = Workers(options, [f"{first + i}:{i}:{world}:{host}:{store.port}:{backend}"
                                for i in range(counts[options.node])])
    try:
        if not is_first:
            wait_for(store, ["verdict"], seconds_left(options), workers.all_ended)
            verdict, absent = wait_for(store, ["verdict"], 1)
            if absent:
                say(f"ddp-check: {mine['host']}: the first node gave no verdict")
                return FAILED
            return int(verdict[0])
        results, missing = wait_for(store, [f"result/{i}" for i in range(world)], seconds_left(options) - 3,
                                    workers.any_failed)
        records = [json.loads(value) for value in results]
        trouble = [f"rank {r['rank']} on {r['host']}: {r['error']}" for r in records if "error" in r]
        owners = [name for name, count in zip(names, counts) for _ in range(count)]
        lost = [f"rank {key.split('/')[1]} on {owners[int(key.split('/')[1])]}" for key in missing]
        if lost:
            trouble.append("nothing was heard of " + ", ".join(lost) + workers.last_words())
        if any(word in text for text in trouble for word in ("onnect", "imed out", "imeout", "refused")):
            trouble.append("if a node's name leads to an address that others cannot reach, name the interface: "
                           "export GLOO_SOCKET_IFNAME=eth0 NCCL_SOCKET_IFNAME=eth0")
        return finish(options, store, names, records, "; ".join(trouble), backend)
    finally:
        workers.end()


class Workers:
    """The worker processes of this node."""

    def __init__(self, options, specifications):
        self.outputs = [tempfile.TemporaryFile() for _ in specifications]
        self.processes = [subprocess.Popen(
            [sys.executable, "-I", os.path.abspath(__file__), "--worker", specification,
             "--seconds", str(int(seconds_left(options))), "--mebibytes", str(options.mebibytes)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            for specification, output in zip(specifications, self.outputs)]

    def all_ended(self):
        return all(process.poll() is not None for process in self.processes)

    def any_failed(self):
        return any(process.poll() not in (None, 0) for process in self.processes)

    def last_words(self):
        for process, output in zip(self.processes, self.outputs):
            if process.poll() not in (None, 0):
                output.seek(0)
                lines = output.read()[-4000:].decode(errors="replace").strip().splitlines()
                return f" (exit {process.returncode}: {lines[-1][:300] if lines else 'it said nothing'})"
        return ""

    def end(self):
        # They have said what they had to say: nobody waits for an interpreter that stops threads of a network library.
        deadline = time.monotonic() + 5
        while not self.all_ended() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def wait_for(store, keys, seconds, is_hopeless=lambda: False):
    """Values of the keys that came in time, and the keys that did not. A hopeless wait goes on for 3 seconds more."""
    deadline = time.monotonic() + max(seconds, 0.5)
    doomed = False
    values, missing = [], list(keys)
    while missing and time.monotonic() < deadline:
        try:
            missing = [key for key in missing if not store.check([key])]
        except Exception:  # the first node's process has ended
            break
        if missing and is_hopeless() and not doomed:
            doomed, deadline = True, min(deadline, time.monotonic() + 3)
        if missing:
            time.sleep(0.05)
    for key in keys:
        if key not in missing:
            values.append(store.get(key).decode())
    return values, missing


def finish(options, store, names, records, trouble, backend=""):
    """On the first node: prints, tells the others the verdict, waits a moment until they have heard it."""
    code = FAILED if trouble else 0
    if options.node != 0:
        return code
    speed = min((r["bus_gigabytes_per_second"] for r in records if "bus_gigabytes_per_second" in r), default=None)
    seconds = round(time.monotonic() - STARTED, 2)
    if options.json:
        print(json.dumps({"record": "ddp-check", "ok": not trouble, "backend": backend, "nodes": names,
                          "processes": len(records), "bus_gigabytes_per_second": speed, "seconds": seconds,
                          "problem": trouble, "ranks": records}), flush=True)
    else:
        for record in records:
            print(f"rank {record['rank']:<4} {record['host']:<20} {record['backend']:<5} {record['device']:<28} " +
                  (record.get("error") or f"{record['bus_gigabytes_per_second']} GB/s"), flush=True)
        where = f"{len(names)} node{'s' if len(names) > 1 else ''}"
        print(f"ddp-check: failed: {trouble}" if trouble else
              f"ddp-check: passed: {len(records)} processes on {where} over {backend}: sums, broadcast and a training "
              f"step agree; {speed} GB/s; {seconds} s", flush=True)
    store.set("verdict", str(code))
    time.sleep(0.5 if len(names) == 1 else 1.5)
    return code


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    code = work(options) if options.worker else check_node(options)
    sys.stdout.flush()
    # Without exit handlers: at the end of an interpreter a thread of gloo's or of the store may be running still.
    os._exit(code)


if __name__ == "__main__":
    main()
