"""Runs Stable-Baselines3 and batched numpy on Duoloop's measured environment, side by side with `npm run bench`.

    python3 bench/peers/run.py --quick                      a minute: everything runs, the figures mean little
    python3 bench/peers/run.py --json peers.json            speed, and 100,000 steps of training each
    python3 bench/peers/run.py --steps 5000000 --seconds 3600 --seeds 1 2 3 4 5 --target-score -0.98 --json peers.json

It makes a virtual environment of its own (requirements.txt) under the cache folder, has Duoloop export the workloads,
checks that the Python environment does tick for tick what Duoloop's simulator does, and then measures.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interval", type=int, default=15, help="seconds between two decisions (default 15)")
    parser.add_argument("--steps", type=int, default=100_000, help="environment steps of training (default 100,000)")
    parser.add_argument("--seconds", type=float, help="training time of each run at most, validation not counted")
    parser.add_argument("--validate-every", type=int, default=25_000, help="steps between validations (default 25,000)")
    parser.add_argument("--target-score", type=float, help="score that `npm run bench -- --only time-to-beat` prints")
    parser.add_argument("--environments", type=int, default=8, help="environments of a training run (default 8)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="training seeds (default 1)")
    parser.add_argument("--speed-steps", type=int, default=20_000, help="steps of each repeat of a speed figure")
    parser.add_argument("--algorithms", nargs="+", choices=["ppo", "a2c"], default=["ppo", "a2c"])
    parser.add_argument("--only-training", action="store_true", help="leave the speed figures out")
    parser.add_argument("--quick", action="store_true", help="few steps and one repeat")
    parser.add_argument("--json", type=Path, help="write the results here as well")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.steps, arguments.validate_every, arguments.speed_steps = 4_000, 4_000, 4_000
    return arguments


def environment_folder() -> Path:
    """One environment per set of requirements and Python, so that a new requirement never meets an old environment."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "duoloop" / f"bench-peers-{key}"


def ensure_environment() -> Path:
    """The environment's interpreter; makes the environment at the first call."""
    folder = environment_folder()
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        print(f"making {folder} (once; PyTorch alone is 0.2 GB, or 5 GB where only PyPI's build can be had)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # PyPI's build carries CUDA. Where the smaller CPU build cannot be reached, it does as well.
        cpu_build = subprocess.run(
            [*pip, "--index-url", TORCH_CPU_INDEX, "--retries", "0", "--timeout", "10", "torch"],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if cpu_build.returncode != 0:
            print("PyTorch's CPU index is out of reach; taking PyPI's build", file=sys.stderr)
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
        (folder / "complete").touch()
    return python


def export_workloads(folder: str, interval: int) -> None:
    script = [ROOT / "bench" / "export-workloads.ts", "--out", folder, "--interval", str(interval)]
    subprocess.run(["node", "--import", "tsx", *map(str, script)], cwd=ROOT, check=True)


def measure(arguments: argparse.Namespace) -> dict:
    """Runs inside the environment."""
    import gymnasium
    import numpy
    import stable_baselines3
    import torch

    import batched
    from agreement import check_agreement
    from frontend_env import Workloads
    from train_sb3 import measure_speed, train

    repeats = 1 if arguments.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        export_workloads(folder, arguments.interval)
        workloads = Workloads(Path(folder), ROOT / "env" / "apps" / "frontend.json")
        agreement = check_agreement(workloads)
    print(f"agrees with Duoloop's simulator: {agreement}", file=sys.stderr)
    simulators = []
    for lanes in () if arguments.only_training else (1, 256, 4096):
        figures = batched.measure(workloads.curves, workloads.settings, workloads.training, lanes, repeats)
        median = float(numpy.median(figures))
        simulators.append({"lanes": lanes, "unit": "service-ticks/s", "median": median, "samples": figures})
        print(f"numpy simulator, batch {lanes}: {median:,.0f} service-ticks/s", file=sys.stderr)
    speeds, races = [], []
    for algorithm in () if arguments.only_training else arguments.algorithms:
        for environments in (1, 8):
            speed = measure_speed(algorithm, workloads, environments, arguments.speed_steps, repeats)
            speeds.append(speed)
            print(f"SB3 {algorithm}, {environments} environments: {speed['median']:,.0f} env-steps/s", file=sys.stderr)
    for algorithm in arguments.algorithms:
        for seed in arguments.seeds:
            race = train(algorithm, workloads, arguments, seed)
            races.append(race)
            print(f"SB3 {algorithm}, seed {seed}: best {race['best']}; beats {race['beats']}", file=sys.stderr)
    return {
        "versions": {
            "python": platform.python_version(),
            "stableBaselines3": stable_baselines3.__version__,
            "gymnasium": gymnasium.__version__,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "cpus": os.cpu_count(),
        "settings": workloads.settings,
        "agreement": agreement,
        "simulator": simulators,
        "speed": speeds,
        "training": races,
    }


def main() -> int:
    arguments = parse_arguments()
    if Path(sys.prefix) != environment_folder():
        return subprocess.run([ensure_environment(), __file__, *sys.argv[1:]], check=False).returncode
    results = json.dumps(measure(arguments), indent=2)
    print(results)
    if arguments.json:
        arguments.json.write_text(results + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
