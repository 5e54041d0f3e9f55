#!/usr/bin/env python3
"""Times whole days against other solvers on the same instances. See README.md beside this file."""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = "gridaccord"


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 and 53 resources only")
    parser.add_argument("--sizes", type=int, nargs="+", help="counts of resources (default 4 53 100 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often everybody runs (default 3)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--binary", type=pathlib.Path, help="gridaccord to measure (default target/release)")
    parser.add_argument("--work", type=pathlib.Path, help="environment and instances (default target/rivals)")
    parser.add_argument("--skip", action="append", default=[], help="leave a rival out, by name")
    return parser.parse_args()


def environment(work):
    """Runs this script again inside its own virtual environment, made at the first run."""
    folder = work / "venv"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    wanted = (HERE / "requirements.txt").read_text()
    if not ready.exists() or ready.read_text() != wanted:
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        ready.write_text(wanted)
    # One thread for everybody, whatever library counts cores.
    single = {name: "1" for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]}
    os.execve(python, [str(python), *sys.argv], {**os.environ, **single, "GRIDACCORD_RIVALS": "1"})


def ours(binary, study):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run([binary, "solve", study, "--json"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    if not output.stdout:
        sys.exit(f"{binary}: {output.stderr}")
    return seconds, json.loads(output.stdout)


def theirs(solve, campus):
    began = time.process_time()
    try:
        objective = solve(campus)
    except Exception as error:  # a rival that fails is a result
        print(f"  {error}", file=sys.stderr)
        objective = None
    return time.process_time() - began, objective


def verdict(objective, found):
    if objective is None:
        return "no answer"
    bound, cost = found["bound"], found["objective"]
    room = 1e-6 * abs(cost)
    if objective < bound - room:
        return f"below by {(bound - objective) / abs(cost):.1e}"
    if objective > cost + room:
        return f"above by {(objective - cost) / abs(cost):.1e}"
    return "inside"


def measure(args, binary, work, resources, quadratic):
    import instances
    import rivals

    campus = instances.campus(args.seed, resources, quadratic)
    study = work / f"campus-{resources}-{'qp' if quadratic else 'lp'}.toml"
    study.write_text(instances.toml(campus))
    left_out = [*args.skip, *(rivals.LINEAR_ONLY if quadratic else [])]
    names = [name for name in rivals.RIVALS if name not in left_out]
    times, objectives, found = {name: [] for name in [OURS, *names]}, {}, None
    for _ in range(args.rounds):
        seconds, found = ours(binary, study)
        times[OURS].append(seconds)
        for name in names:
            # Who gave no answer once is not asked again: it is the limit that would be measured.
            if times[name] and objectives.get(name) is None:
                continue
            seconds, objectives[name] = theirs(rivals.RIVALS[name], campus)
            times[name].append(seconds)
    if found["objective"] is None:
        sys.exit(f"no dispatch: {found['gap_reason']}")
    kind = "QP" if quadratic else "LP"
    base = statistics.median(times[OURS])
    print(f"\n{resources} resources × {instances.INTERVALS}, {kind}: cost {found['objective']:.6f}, "
          f"proven gap {found['gap_ppb']} ppb ({found['status']}), solve {found['solve_ms']:.0f} ms, "
          f"check {found['check_ms']:.2f} ms")
    print("| solver | CPU s (median) | range | times ours | objective in our interval |")
    print("|---|---|---|---|---|")
    for name in [OURS, *names]:
        middle = statistics.median(times[name])
        said = "-" if name == OURS else verdict(objectives[name], found)
        print(f"| {name} | {middle:.3f} | {min(times[name]):.3f}–{max(times[name]):.3f} | {middle / base:.2f} | {said} |",
              flush=True)
    return not any(verdict(objectives[name], found).startswith("below") for name in names)


def main():
    args = parse()
    work = (args.work or ROOT / "target" / "rivals").resolve()
    work.mkdir(parents=True, exist_ok=True)
    if "GRIDACCORD_RIVALS" not in os.environ:
        environment(work)
    binary = (args.binary or ROOT / "target" / "release" / "gridaccord").resolve()
    if not binary.exists():
        sys.exit(f"{binary} is missing: cargo build --release")
    sizes = args.sizes or ([4, 53] if args.quick else [4, 53, 100, 1_000])
    sound = [measure(args, binary, work, size, quadratic) for size in sizes for quadratic in [False, True]]
    sys.exit(0 if all(sound) else "a rival found less than our bound: the proof or an instance is wrong")


if __name__ == "__main__":
    main()
