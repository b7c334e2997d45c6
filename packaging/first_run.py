"""What the main job shows of a fresh prefix: versions, a real product on the CPU, and the state of the GPU."""

import importlib.util
import os
import platform
import sys


def main() -> int:
    print(f"python     {platform.python_version()}  {sys.executable}")
    index = os.path.join(sys.prefix, ".bundle", "index")
    if os.path.exists(index):
        import hashlib

        with open(index, "rb") as file:
            print(f"bundle ID  {hashlib.sha256(file.read()).hexdigest()}")
    for name in ("numpy", "torchvision", "torchaudio", "jupyterlab"):
        if importlib.util.find_spec(name):
            print(f"{name:<10} {importlib.import_module(name).__version__}")
    if importlib.util.find_spec("torch") is None:
        return numpy_only()

    import torch

    print(f"torch      {torch.__version__}  built for CUDA {torch.version.cuda}")
    if torch.backends.cudnn.is_available() or torch.version.cuda:
        print(f"cuDNN      {torch.backends.cudnn.version()}")
    if torch.distributed.is_available() and torch.distributed.is_nccl_available():
        print("NCCL       " + ".".join(map(str, torch.cuda.nccl.version())))
    a = torch.arange(512 * 512, dtype=torch.float64).reshape(512, 512) % 7
    product = a @ a.T
    # An independent value of one element, so that a broken BLAS does not pass.
    expected = float(sum(int(x) * int(x) for x in a[3]))
    if product[3, 3].item() != expected:
        print(f"error: matmul gives {product[3, 3].item()}, expected {expected}")
        return 1
    print("matmul     512x512 on the CPU: right")
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            x = torch.ones(256, 256, device=f"cuda:{i}")
            right = (x @ x)[0, 0].item() == 256
            print(f"GPU {i}      {torch.cuda.get_device_name(i)}: matmul {'right' if right else 'WRONG'}")
            if not right:
                return 1
    else:
        print("GPU        none usable here (no NVIDIA driver or device); the same prefix uses one where there is one")
    return 0


def numpy_only() -> int:
    import numpy

    a = numpy.arange(64 * 64).reshape(64, 64) % 7
    expected = sum(int(x) ** 2 for x in a[3])
    if (a @ a.T)[3, 3] != expected:
        print("error: numpy's matmul is wrong")
        return 1
    print("matmul     64x64 with numpy: right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
