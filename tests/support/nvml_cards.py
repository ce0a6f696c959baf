"""Cards for the stand-in of NVIDIA's library, with the field values of public profiles, and the stand-in itself, compiled.

Sources: NVIDIA/k8s-test-infra deployments/nvml-mock/helm/nvml-mock/profiles (t4, h100, gb200, mig/h100); NVIDIA/go-nvml
pkg/nvml/mock/shared/gpus (a100: a slice 1g.5gb of 4864 MB); leptonai/gpud#1170 and XuehaiPan/nvitop#208 for a GB10: place
000f:01:00.0, no memory, no power limit, no ECC.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "doubles" / "nvml.c"
FIELDS = "name uuid bus total used power limit sm memory degrees ecc mig busy strangers slices".split()
MIB = 1 << 20


def card(**fields):
    return {"strangers": 0, "slices": "-", "busy": 0, "used": 0} | fields


def text(*cards):
    """As the stand-in reads them."""
    return "".join("|".join(str(one[name]) for name in FIELDS) + ";" for one in cards)


def t4(index, bus, **more):
    return card(name="NVIDIA T4", uuid=f"GPU-00000074-0000-0000-0000-00000000000{index}", bus=bus, total=17179869184,
                power=12000, limit=70000, sm=300, memory=5001, degrees=30, ecc=1, mig="-", **more)  # fmt: skip


def h100(index, bus, **more):
    return card(name="NVIDIA H100 80GB HBM3", uuid=f"GPU-01000100-0000-0000-0000-00000000000{index}", bus=bus,
                total=85899345920, power=95000, limit=700000, sm=345, memory=1593, degrees=34, ecc=1,
                **{"mig": 0} | more)  # fmt: skip


T4_SERVER = (t4(0, "0000:3B:00.0"), t4(1, "0000:86:00.0"), t4(2, "0000:AF:00.0"), t4(3, "0000:D8:00.0"))
HGX_H100 = tuple(h100(i, f"0000:{bus}:00.0") for i, bus in enumerate("1A 1B 4A 4B 8A 8B CA CB".split()))
GB200 = card(name="NVIDIA GB200", uuid="GPU-00000b20-0000-0000-0000-000000000000", bus="0008:01:00.0", total=199715979264,
             power=145000, limit=1000000, sm=345, memory=3996, degrees=36, ecc=1, mig=0)  # fmt: skip
GB10 = card(name="NVIDIA GB10", uuid="GPU-2dee1e25-b3b5-007e-2b55-79f2d0f2ebe5", bus="0000000F:01:00.0", total="-", used="-",
            power=11170, limit="-", sm=2405, memory="-", degrees=35, ecc="-", mig="-")  # fmt: skip
ORIN = card(name="Orin (nvgpu)", uuid="GPU-0a1b2c3d-0000-0000-0000-000000000000", bus="0000:00:00.0", total="-", used="-",
            power="-", limit="-", sm="-", memory="-", degrees="-", ecc="-", mig="-", busy="-", strangers="-")  # fmt: skip
SLICES = ("MIG-90443af0-2fe6-57fb-86fe-54186d5a6581", "MIG-41b3359c-e721-56e5-8009-12e5797ed514")


def cut(index, bus, count=2, **more):
    """An H100 in MIG mode with slices 1g.10gb, of 10240 MB each."""
    slices = "+".join(f"{SLICES[i]},{i + 1},0,{10240 * MIB},{(i + 1) * 1024 * MIB}" for i in range(count))
    return h100(index, bus, mig=1, slices=slices, **more)


def compiled(folder):
    """The variables by which a process finds the stand-in."""
    compiler = shutil.which("cc")
    assert compiler is not None, "the harness itself needs a C compiler"
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(SOURCE)], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


def asked(code, *cards, library, **extra):
    """What a program prints as JSON, on a machine with these cards."""
    hidden = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
    own = {name: value for name, value in os.environ.items() if name not in hidden}
    own |= library | ({"NVML_DOUBLE_CARDS": text(*cards)} if cards else {}) | extra
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
