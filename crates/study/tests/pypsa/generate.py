"""Seeded networks as PyPSA CSV folders, with the objectives that PyPSA and HiGHS find for them.

    python -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python generate.py [NAME...]

Writes one folder per network beside this file, and expected.csv: name, what HiGHS says, its objective, and the relative
difference allowed. The same versions and seeds give the same folders. Everything here is invented.
"""

import csv
import logging
import math
import random
import shutil
import sys
import warnings
from pathlib import Path

import pandas as pd
import pypsa

HERE = Path(__file__).parent
CONVEX, COMMITTED = 1e-6, 1e-4


def network(seed, hours=24, step=1.0, peak=80.0):
    """A bus, a load with a morning and an evening peak, a noise of its own."""
    rng = random.Random(seed)
    n = pypsa.Network()
    n.set_snapshots(pd.date_range("2026-03-02", periods=hours, freq=f"{int(60 * step)}min"))
    n.snapshot_weightings = n.snapshot_weightings.astype(float) * step
    n.add("Bus", "site")
    load = [
        round(peak * (0.62 + 0.2 * math.sin(math.tau * (t * step - 7) / 24)
                      + 0.15 * math.sin(math.tau * (t * step - 4) / 12) + 0.03 * rng.random()), 3)
        for t in range(hours)
    ]
    n.add("Load", "halls", bus="site", p_set=pd.Series(load, n.snapshots))
    return n, rng


def series(n, values):
    return pd.Series([round(value, 4) for value in values], n.snapshots)


def sun(n, rng, step=1.0):
    return series(n, [
        max(0.0, math.sin(math.tau * (t * step - 6) / 24)) * (0.8 + 0.2 * rng.random())
        for t in range(len(n.snapshots))
    ])


def wind(n, rng):
    level, values = 0.5, []
    for _ in n.snapshots:
        level = min(1.0, max(0.05, level + 0.3 * (rng.random() - 0.5)))
        values.append(level)
    return series(n, values)


def thermal(n, name, p_nom, cost, **more):
    n.add("Generator", name, bus="site", p_nom=p_nom, marginal_cost=cost, **more)


def backup(n, cost=900.0, p_nom=200.0):
    thermal(n, "backup", p_nom, cost)


def ramps(seed=1):
    n, rng = network(seed)
    thermal(n, "roof", 40, 0.5, p_max_pu=sun(n, rng))
    thermal(n, "base", 60, 31.7, ramp_limit_up=0.06, ramp_limit_down=0.09, p_min_pu=0.2)
    thermal(n, "engine", 40, 68.3, ramp_limit_up=0.25, ramp_limit_down=0.25, p_init=4.0)
    backup(n)
    return n


def ramps_and_prices(seed=2):
    n, rng = network(seed)
    cost = series(n, [40 + 25 * math.sin(math.tau * (t - 9) / 24) + 4 * rng.random() for t in range(24)])
    thermal(n, "contract", 70, cost, ramp_limit_up=0.08, ramp_limit_down=0.1)
    thermal(n, "engine", 40, 55.0, ramp_limit_up=0.3, ramp_limit_down=0.3)
    backup(n)
    return n


def quarters(seed=3):
    n, rng = network(seed, 96, 0.25)
    thermal(n, "roof", 90, 0.0, p_max_pu=sun(n, rng, 0.25))
    thermal(n, "grid", 100, series(n, [60 + 30 * math.sin(math.tau * (t / 4 - 13) / 24) for t in range(96)]))
    n.add("StorageUnit", "battery", bus="site", p_nom=20, max_hours=4, efficiency_store=0.95,
          efficiency_dispatch=0.93, standing_loss=0.012, state_of_charge_initial=30, marginal_cost=1.3)
    return n


def cyclic(seed=4):
    n, rng = network(seed)
    thermal(n, "roof", 120, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "grid", 100, series(n, [50 + 35 * math.sin(math.tau * (t - 13) / 24) for t in range(24)]))
    n.add("StorageUnit", "battery", bus="site", p_nom=25, max_hours=5, efficiency_store=0.94,
          efficiency_dispatch=0.94, standing_loss=0.004, cyclic_state_of_charge=True)
    return n


def store(seed=5):
    n, rng = network(seed)
    thermal(n, "wind", 70, 0.0, p_max_pu=wind(n, rng))
    thermal(n, "grid", 100, series(n, [45 + 20 * math.sin(math.tau * (t - 11) / 24) for t in range(24)]))
    n.add("Store", "tank", bus="site", e_nom=150, e_initial=40, standing_loss=0.006, e_min_pu=0.1)
    return n


def export(seed=6):
    n, rng = network(seed)
    thermal(n, "roof", 160, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "import", 100, series(n, [80 + 30 * math.sin(math.tau * (t - 12) / 24) for t in range(24)]))
    # Selling: a load of 60 MW that need not be served is paid the feed-in price for what is.
    feed = series(n, [30 + 10 * math.sin(math.tau * (t - 12) / 24) for t in range(24)])
    n.add("Load", "export", bus="site", p_set=60.0)
    thermal(n, "export not taken", 60, feed)
    n.add("StorageUnit", "battery", bus="site", p_nom=20, max_hours=3, efficiency_store=0.95,
          efficiency_dispatch=0.95, state_of_charge_initial=10)
    return n


def carbon(seed=7):
    n, rng = network(seed)
    n.add("Carrier", "gas", co2_emissions=0.2)
    n.add("Carrier", "coal", co2_emissions=0.34)
    n.add("Carrier", "sun", co2_emissions=0.0)
    thermal(n, "roof", 60, 0.0, carrier="sun", p_max_pu=sun(n, rng))
    thermal(n, "coal", 80, 32.0, carrier="coal", efficiency=0.38)
    thermal(n, "gas", 80, 71.0, carrier="gas", efficiency=0.54)
    n.add("GlobalConstraint", "cap", type="primary_energy", carrier_attribute="co2_emissions",
          sense="<=", constant=620.0)
    return n


def quadratic(seed=8):
    n, rng = network(seed)
    thermal(n, "base", 60, 20.0, marginal_cost_quadratic=0.31)
    thermal(n, "engine", 60, 42.0, marginal_cost_quadratic=0.12)
    thermal(n, "roof", 30, 0.0, p_max_pu=sun(n, rng))
    backup(n)
    return n


def island(seed=9):
    n, rng = network(seed)
    thermal(n, "roof", 110, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "diesel", 40, 240.0, ramp_limit_up=0.5, ramp_limit_down=0.5)
    thermal(n, "shedding", 80, 3000.0)
    n.add("StorageUnit", "battery", bus="site", p_nom=30, max_hours=4, efficiency_store=0.95,
          efficiency_dispatch=0.95, state_of_charge_initial=60)
    return n


def infeasible(seed=10):
    n, rng = network(seed)
    thermal(n, "roof", 60, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "engine", 45, 70.0)
    return n


def negative(seed=11):
    n, rng = network(seed)
    thermal(n, "wind", 130, -12.0, p_max_pu=wind(n, rng))
    thermal(n, "must run", 30, 25.0, p_min_pu=0.5)
    thermal(n, "grid", 100, series(n, [20 - 45 * math.exp(-((t - 13) / 3) ** 2) for t in range(24)]))
    return n


def inflow(seed=12):
    n, rng = network(seed)
    thermal(n, "grid", 100, series(n, [55 + 30 * math.sin(math.tau * (t - 12) / 24) for t in range(24)]))
    flow = series(n, [12 + 10 * math.sin(math.tau * (t - 3) / 24) + 25 * (t == 5) for t in range(24)])
    n.add("StorageUnit", "reservoir", bus="site", p_nom=22, max_hours=6, p_min_pu=0.0,
          efficiency_dispatch=0.9, inflow=flow, state_of_charge_initial=90)
    n.add("StorageUnit", "pumped", bus="site", p_nom=15, max_hours=6, efficiency_store=0.87,
          efficiency_dispatch=0.91, standing_loss=0.001, inflow=2.0, cyclic_state_of_charge=True)
    return n


def targets(seed=13):
    n, rng = network(seed, 32, 0.75)
    thermal(n, "grid", 100, series(n, [55 + 30 * math.sin(math.tau * (t - 12) / 24) for t in range(32)]))
    wanted = pd.Series(float("nan"), n.snapshots)
    wanted.iloc[15], wanted.iloc[31] = 42.0, 20.0
    n.add("StorageUnit", "battery", bus="site", p_nom=15, max_hours=4, efficiency_store=0.95,
          efficiency_dispatch=0.95, standing_loss=0.01, state_of_charge_initial=60, state_of_charge_set=wanted)
    return n


def commitment(seed=20):
    n, rng = network(seed, peak=110.0)
    thermal(n, "base", 60, 24.0, committable=True, p_min_pu=0.4, start_up_cost=1800, shut_down_cost=400,
            min_up_time=8, min_down_time=6, up_time_before=1)
    thermal(n, "engine", 30, 47.0, committable=True, p_min_pu=0.3, start_up_cost=320, min_up_time=3,
            min_down_time=2, up_time_before=0)
    thermal(n, "peaker", 30, 83.0, committable=True, p_min_pu=0.2, start_up_cost=90, up_time_before=0)
    backup(n)
    return n


def commitment_ramps(seed=21):
    n, rng = network(seed, peak=110.0)
    thermal(n, "roof", 50, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "base", 60, 26.0, committable=True, p_min_pu=0.35, start_up_cost=1500, min_up_time=6,
            min_down_time=5, up_time_before=9, ramp_limit_up=0.15, ramp_limit_down=0.2,
            ramp_limit_start_up=0.4, ramp_limit_shut_down=0.45, p_init=40.0)
    thermal(n, "engine", 40, 52.0, committable=True, p_min_pu=0.25, start_up_cost=260, shut_down_cost=60,
            min_up_time=2, min_down_time=3, up_time_before=0, down_time_before=1, ramp_limit_up=0.4,
            ramp_limit_down=0.4, ramp_limit_start_up=0.5, ramp_limit_shut_down=0.5)
    thermal(n, "turbine", 40, 71.0, ramp_limit_up=0.3, ramp_limit_down=0.3, p_init=0.0)
    backup(n)
    return n


def commitment_ramps_alone(seed=22):
    n, rng = network(seed)
    thermal(n, "base", 60, 26.0, committable=True, p_min_pu=0.35, start_up_cost=900, min_up_time=4,
            min_down_time=3, ramp_limit_up=0.4, ramp_limit_down=0.5)
    thermal(n, "engine", 40, 52.0, committable=True, p_min_pu=0.25, start_up_cost=260, up_time_before=0,
            ramp_limit_up=0.6)
    thermal(n, "turbine", 40, 71.0, committable=True, p_min_pu=0.3, stand_by_cost=35.0, start_up_cost=50,
            ramp_limit_start_up=0.6)
    backup(n)
    return n


def commitment_storage(seed=23):
    n, rng = network(seed, 48, peak=110.0)
    thermal(n, "roof", 90, 0.0, p_max_pu=sun(n, rng))
    thermal(n, "wind", 30, 0.0, p_max_pu=wind(n, rng))
    thermal(n, "base", 50, 29.0, committable=True, p_min_pu=0.5, start_up_cost=2200, min_up_time=10,
            min_down_time=8)
    thermal(n, "engine", 40, 61.0, committable=True, p_min_pu=0.3, start_up_cost=300, min_up_time=3,
            min_down_time=2, up_time_before=0)
    n.add("StorageUnit", "battery", bus="site", p_nom=20, max_hours=4, efficiency_store=0.95,
          efficiency_dispatch=0.95, cyclic_state_of_charge=True)
    backup(n)
    return n


def commitment_quarters(seed=24):
    n, rng = network(seed, 96, 0.25, peak=110.0)
    n.add("Carrier", "gas", co2_emissions=0.2)
    thermal(n, "roof", 60, 0.0, p_max_pu=sun(n, rng, 0.25))
    thermal(n, "base", 60, 33.0, carrier="gas", efficiency=0.5, committable=True, p_min_pu=0.4,
            start_up_cost=700, min_up_time=12, min_down_time=12)
    thermal(n, "engine", 50, 58.0, carrier="gas", efficiency=0.42, committable=True, p_min_pu=0.2,
            start_up_cost=120, min_up_time=4, min_down_time=4, up_time_before=0)
    n.add("StorageUnit", "lake", bus="site", p_nom=10, max_hours=8, p_min_pu=0.0, inflow=4.0,
          state_of_charge_initial=30)
    backup(n)
    n.add("GlobalConstraint", "cap", type="primary_energy", carrier_attribute="co2_emissions",
          sense="<=", constant=560.0)
    return n


def commitment_infeasible(seed=26):
    n, rng = network(seed)
    thermal(n, "engine", 70, 50.0, committable=True, p_min_pu=0.6, start_up_cost=100, min_up_time=4)
    return n


def large(loads, **plants):
    """A few hours of gigawatts: what one attribute does."""
    n = pypsa.Network()
    n.set_snapshots(range(len(loads)))
    n.add("Bus", "site")
    n.add("Load", "halls", bus="site", p_set=[float(load) for load in loads])
    for name, attributes in plants.items():
        n.add("Generator", name, bus="site", **attributes)
    return n


def large_part_load():
    return large([4200, 6100, 4900, 750], coal=dict(p_nom=9000, p_min_pu=0.3, marginal_cost=21, committable=True),
                 gas=dict(p_nom=1100, p_min_pu=0.1, marginal_cost=72, committable=True))


def large_up_time():
    return large([4100, 820, 5200, 2900], coal=dict(p_nom=9500, p_min_pu=0.3, marginal_cost=21, committable=True),
                 gas=dict(p_nom=1050, p_min_pu=0.1, marginal_cost=68, committable=True, up_time_before=0, min_up_time=3))


def large_down_time():
    return large([2900, 780, 3100, 7900],
                 coal=dict(p_nom=9800, p_min_pu=0.3, marginal_cost=19, committable=True, min_down_time=2,
                           down_time_before=1, up_time_before=0),
                 gas=dict(p_nom=4100, p_min_pu=0.1, marginal_cost=71, committable=True))


def large_costs():
    return large([2950, 810, 3050, 8100],
                 coal=dict(p_nom=9900, p_min_pu=0.3, marginal_cost=19.5, committable=True, min_down_time=2,
                           start_up_cost=5200, up_time_before=0, down_time_before=1),
                 gas=dict(p_nom=4200, p_min_pu=0.1, marginal_cost=69.5, committable=True, shut_down_cost=26))


def large_ramps():
    return large([4100, 6900, 7050, 7100, 6800, 3200],
                 coal=dict(p_nom=9700, p_min_pu=0.1, marginal_cost=20.5, committable=True, start_up_cost=4800,
                           up_time_before=0, ramp_limit_start_up=0.2, ramp_limit_up=0.12, ramp_limit_down=0.24,
                           ramp_limit_shut_down=0.16),
                 gas=dict(p_nom=9900, marginal_cost=70.5))


def commitment_mixed(seed):
    """A random handful of plants, some with ramps, sometimes a storage."""
    n, rng = network(seed, peak=120.0)
    thermal(n, "roof", rng.choice([20, 50, 80]), 0.0, p_max_pu=sun(n, rng))
    for number in range(rng.randint(2, 4)):
        more = {}
        if rng.random() < 0.4:
            more = dict(ramp_limit_up=rng.choice([0.2, 0.4]), ramp_limit_down=rng.choice([0.25, 0.5]),
                        ramp_limit_start_up=0.5, ramp_limit_shut_down=0.6)
        up = rng.choice([0, 1, 4])
        thermal(n, f"plant {number}", rng.choice([20, 35, 50]), round(20 + 60 * rng.random(), 2),
                committable=True, p_min_pu=rng.choice([0.2, 0.3, 0.45]),
                start_up_cost=rng.choice([50, 200, 700, 1500]), shut_down_cost=rng.choice([0, 100]),
                min_up_time=rng.randint(0, 6), min_down_time=rng.randint(0, 5), up_time_before=up,
                down_time_before=0 if up else rng.choice([0, 2]), **more)
    if rng.random() < 0.5:
        n.add("StorageUnit", "battery", bus="site", p_nom=15, max_hours=3, efficiency_store=0.94,
              efficiency_dispatch=0.94, state_of_charge_initial=20)
    backup(n)
    return n


CASES = [
    ("ramps", ramps, CONVEX), ("ramps-and-prices", ramps_and_prices, CONVEX), ("quarters", quarters, CONVEX),
    ("cyclic-storage", cyclic, CONVEX), ("store", store, CONVEX), ("export", export, CONVEX),
    ("carbon", carbon, CONVEX), ("quadratic", quadratic, CONVEX), ("island", island, CONVEX),
    ("infeasible", infeasible, CONVEX), ("negative", negative, CONVEX), ("inflow", inflow, CONVEX),
    ("targets", targets, CONVEX), ("commitment", commitment, COMMITTED),
    ("commitment-ramps", commitment_ramps, COMMITTED),
    ("commitment-ramps-alone", commitment_ramps_alone, COMMITTED),
    ("commitment-storage", commitment_storage, COMMITTED),
    ("commitment-quarters", commitment_quarters, COMMITTED),
    ("commitment-infeasible", commitment_infeasible, COMMITTED),
    ("large-part-load", large_part_load, COMMITTED), ("large-up-time", large_up_time, COMMITTED),
    ("large-down-time", large_down_time, COMMITTED), ("large-costs", large_costs, COMMITTED),
    ("large-ramps", large_ramps, COMMITTED),
] + [(f"commitment-mixed-{seed}", lambda seed=seed: commitment_mixed(seed), COMMITTED) for seed in range(100, 112)]


def main():
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    assert pypsa.__version__ == "1.1.2", pypsa.__version__
    wanted = sys.argv[1:]
    rows = []
    if wanted:
        with open(HERE / "expected.csv", newline="") as file:
            rows = [row for row in list(csv.reader(file))[1:] if row[0] not in wanted]
    for name, build, tolerance in CASES:
        if wanted and name not in wanted:
            continue
        n = build()
        n.name = name
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        n.export_to_csv_folder(folder)
        options = {"log_to_console": False, "output_flag": False, "mip_rel_gap": 1e-9,
                   "primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
        status, condition = n.optimize(solver_name="highs", solver_options=options)
        objective = n.objective if condition == "optimal" else ""
        rows.append([name, condition, repr(float(objective)) if objective != "" else "", tolerance])
        print(rows[-1], file=sys.stderr)
    order = [name for name, _, _ in CASES]
    rows.sort(key=lambda row: order.index(row[0]))
    with open(HERE / "expected.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "condition", "objective", "tolerance"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
