"""Checks what the demo of the white paper's month printed as JSON."""

import json
import sys

report = json.load(open(sys.argv[1]))
settlement = report["settlement"]
supplied = {name: entry["energy_wh"] for name, entry in settlement["suppliers"].items()}
expected = {"solar": 31_000, "wind": 30_000, "geothermal": 15_100, "biodiesel": 14_900}
assert supplied == expected, f"suppliers delivered {supplied}, the optimum is {expected}"
assert settlement["tenants"]["count"] == 53 and settlement["tenants"]["energy_wh"] == 91_000, settlement["tenants"]
money = sum(entry["paid_micro"] for entry in settlement["suppliers"].values())
money -= settlement["tenants"]["charged_micro"]
money += sum(entry["net_micro"] for entry in settlement["others"].values())
money += settlement["fees_micro"] + settlement["losses_micro"] + settlement["remainder_micro"]
assert money == 0, f"money sums to {money}"
assert len(report["gates"]) == 25 and all(gate["state"] == "settled" for gate in report["gates"])
assert all(gate["winner"] in gate["builders"] for gate in report["gates"])
assert report["light_check"]["verified"] is True
print(f"demo: 25 gates settled, money sums to 0, finality {report['finality_ms']}, gate {report['gate_ms']}")
