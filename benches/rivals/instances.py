"""Seeded campuses: a fifth each of sun, wind, geothermal, biodiesel and batteries, a tie, one sheddable tier, a cap
on carbon. The same seed gives the same campus; every number is exact in the quanta of the exact check."""

import dataclasses
import math
import random

INTERVALS = 288
HOURS = 300 / 3600


@dataclasses.dataclass
class Generator:
    name: str
    low: list  # W
    high: list  # W
    price: float  # currency per MWh
    quadratic: float  # currency per MW²h, of ½·a·g²
    ramp: float | None  # W per interval
    before: float  # W
    carbon: float  # kg per MWh


@dataclasses.dataclass
class Battery:
    name: str
    power: float  # W
    capacity: float  # Wh
    stored: float  # Wh, before and at least after
    efficiency: float
    wear: float  # currency per MWh


@dataclasses.dataclass
class Campus:
    demand: list  # W, firm and sheddable
    sheddable: list  # W
    value: float  # currency per MWh
    tariff: list  # currency per MWh
    feed_in: list
    import_max: float  # W
    export_max: float
    import_carbon: list  # kg per MWh
    generators: list
    batteries: list
    cap_kg: float


def wave(t, shift):
    return math.sin(2 * math.pi * (t / INTERVALS - shift))


def campus(seed, resources, quadratic):
    rng = random.Random(f"{seed} {resources} {quadratic}")
    generators, batteries = [], []
    for number in range(resources):
        kind = number % 5
        if kind == 4:
            power = rng.randrange(50_000, 400_000)
            capacity = power * rng.randrange(2, 5)
            batteries.append(
                Battery(f"battery-{number}", power, capacity, capacity // 2, 0.95, rng.randrange(2, 9))
            )
            continue
        peak = rng.randrange(100, 900) * 1_000
        shift = rng.randrange(100) / 1_000
        if kind == 0:
            high = [int(peak * max(0.0, wave(t, 0.25 + shift))) for t in range(INTERVALS)]
        elif kind == 1:
            high = [
                int(peak * (0.5 + 0.3 * wave(t, 7 * shift) + 0.1 * wave(5 * t, shift)))
                for t in range(INTERVALS)
            ]
        else:
            high = [peak] * INTERVALS
        steady = kind >= 2
        price = rng.randrange(*[(5, 20), (4, 18), (40, 80), (70, 140)][kind]) + rng.randrange(1_000) / 1_000
        # Up to 20 currency per MWh over the range.
        slope = rng.randrange(5, 20) / (peak / 1e6) if quadratic and steady else 0.0
        generators.append(
            Generator(
                f"{['sun', 'wind', 'geothermal', 'biodiesel'][kind]}-{number}",
                [peak // 10 if steady else 0] * INTERVALS,
                high,
                price,
                float(math.ceil(slope)),
                peak // 20 if steady else None,
                peak // 2,
                [0, 0, 38, 210][kind],
            )
        )
    scale = 300_000 * resources
    demand = [
        int(scale * (1 + 0.25 * wave(t, 0.3) + rng.uniform(-0.015, 0.015))) for t in range(INTERVALS)
    ]
    tariff = [round(110 + 45 * wave(t, 0.4) + rng.uniform(-4, 4), 3) for t in range(INTERVALS)]
    energy_mwh = sum(demand) / 1e6 * HOURS
    return Campus(
        demand=demand,
        sheddable=[power // 5 for power in demand],
        value=3_000.0,
        tariff=tariff,
        feed_in=[round(0.4 * price, 3) for price in tariff],
        import_max=0.9 * scale,
        export_max=0.3 * scale,
        import_carbon=[round(380 + 80 * wave(t, 0.1), 3) for t in range(INTERVALS)],
        generators=generators,
        batteries=batteries,
        cap_kg=float(int(energy_mwh * 220)),
    )


def toml(campus):
    """The campus as a study."""

    def listed(values):
        return "[" + ", ".join(repr(value) for value in values) + "]"

    lines = [
        'kind = "horizon"',
        'name = "campus"',
        "[horizon]",
        "interval_s = 300",
        f"intervals = {INTERVALS}",
        "[carbon]",
        f"cap_kg = {campus.cap_kg}",
        "[tie]",
        f"import_max_w = {campus.import_max}",
        f"export_max_w = {campus.export_max}",
        f"import_price_per_kwh = {listed(round(p / 1e3, 9) for p in campus.tariff)}",
        f"export_price_per_kwh = {listed(round(p / 1e3, 9) for p in campus.feed_in)}",
        f"carbon_kg_per_kwh = {listed(round(c / 1e3, 9) for c in campus.import_carbon)}",
        "[[loads]]",
        'name = "firm"',
        f"power_w = {listed(d - s for d, s in zip(campus.demand, campus.sheddable))}",
        "[[loads]]",
        'name = "sheddable"',
        f"power_w = {listed(campus.sheddable)}",
        f"value_per_kwh = {campus.value / 1e3}",
    ]
    for g in campus.generators:
        lines += [
            "[[generators]]",
            f'name = "{g.name}"',
            f'class = "{g.name.split("-")[0]}"',
            f"power_min_w = {g.low[0]}",
            f"power_max_w = {listed(g.high)}",
            f"price_per_kwh = {round(g.price / 1e3, 9)}",
            f"carbon_kg_per_kwh = {g.carbon / 1e3}",
        ]
        if g.quadratic:
            lines.append(f"quadratic_per_kw2h = {g.quadratic}e-6")
        if g.ramp is not None:
            lines += [f"ramp_up_w = {g.ramp}", f"ramp_down_w = {g.ramp}", f"power_before_w = {g.before}"]
    for b in campus.batteries:
        lines += [
            "[[storages]]",
            f'name = "{b.name}"',
            'class = "battery"',
            f"charge_max_w = {b.power}",
            f"discharge_max_w = {b.power}",
            f"capacity_wh = {b.capacity}",
            f"initial_wh = {b.stored}",
            f"final_min_wh = {b.stored}",
            f"charge_efficiency = {b.efficiency}",
            f"discharge_efficiency = {b.efficiency}",
            f"wear_per_kwh = {b.wear / 1e3}",
        ]
    return "\n".join(lines) + "\n"
