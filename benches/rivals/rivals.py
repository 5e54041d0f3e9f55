"""The same campus for other solvers: arrays in MW and MWh, and a PyPSA network. Each returns its objective or None."""

import numpy as np
import scipy.sparse as sp

from instances import HOURS, INTERVALS as T

LIMIT_S = 120


def arrays(campus):
    """minimise ½x'Px + c'x, A x = b, low ≤ G x ≤ high, lower ≤ x ≤ upper; x by kind, then resource, then interval."""
    gens, batteries = campus.generators, campus.batteries
    blocks, cost, quadratic, lower, upper = {}, [], [], [], []

    def add(name, low, high, price, curve=0.0):
        blocks[name] = sum(len(part) for part in cost)
        cost.append(np.broadcast_to(np.asarray(price, float) * HOURS, T))
        quadratic.append(np.full(T, curve * HOURS))
        lower.append(np.broadcast_to(np.asarray(low, float), T))
        upper.append(np.broadcast_to(np.asarray(high, float), T))

    for g in gens:
        add(g.name, np.array(g.low) / 1e6, np.array(g.high) / 1e6, g.price, g.quadratic)
    for b in batteries:
        add(b.name + " charge", 0, b.power / 1e6, 0)
        add(b.name + " discharge", 0, b.power / 1e6, b.wear)
        stored = np.zeros(T)
        stored[-1] = b.stored / 1e6
        add(b.name + " stored", stored, b.capacity / 1e6, 0)
    add("import", 0, campus.import_max / 1e6, campus.tariff)
    add("export", 0, campus.export_max / 1e6, -np.array(campus.feed_in))
    add("shed", 0, np.array(campus.sheddable) / 1e6, campus.value)
    count = sum(len(part) for part in cost)
    eye = sp.identity(T, format="csr")
    shift = sp.diags([np.ones(T - 1)], [-1], shape=(T, T), format="csr")

    def row(parts):
        pieces = []
        for name, block in parts:
            coo = sp.coo_matrix(block)
            pieces.append((coo.row, coo.col + blocks[name], coo.data))
        rows, cols, data = (np.concatenate(part) for part in zip(*pieces))
        return sp.csr_matrix((data, (rows, cols)), shape=(T, count))

    balance = [(g.name, eye) for g in gens] + [("import", eye), ("export", -eye), ("shed", eye)]
    for b in batteries:
        balance += [(b.name + " discharge", eye), (b.name + " charge", -eye)]
    equal, right = [row(balance)], [np.array(campus.demand) / 1e6]
    for b in batteries:
        first = np.zeros(T)
        first[0] = b.stored / 1e6
        equal.append(
            row(
                [
                    (b.name + " stored", eye - shift),
                    (b.name + " charge", -eye * (HOURS * b.efficiency)),
                    (b.name + " discharge", eye * (HOURS / b.efficiency)),
                ]
            )
        )
        right.append(first)
    within, low, high = [], [], []
    for g in gens:
        if g.ramp is not None:
            first = np.zeros(T)
            first[0] = g.before / 1e6
            within.append(row([(g.name, eye - shift)]))
            low.append(first - g.ramp / 1e6)
            high.append(first + g.ramp / 1e6)
    emission = np.zeros(count)
    for g in gens:
        emission[blocks[g.name] : blocks[g.name] + T] = g.carbon * HOURS
    emission[blocks["import"] : blocks["import"] + T] = np.array(campus.import_carbon) * HOURS
    within.append(sp.csr_matrix(emission / 1e3))
    low.append([-np.inf])
    high.append([campus.cap_kg / 1e3])
    join = np.concatenate
    return dict(
        P=sp.diags(join(quadratic), format="csc"),
        c=join(cost),
        A=sp.vstack(equal, format="csc"),
        b=join(right),
        G=sp.vstack(within, format="csc"),
        low=join(low),
        high=join(high),
        lower=join(lower),
        upper=join(upper),
    )


def highs(campus, method):
    import highspy

    a = arrays(campus)
    solver = highspy.Highs()
    for option, value in [("output_flag", False), ("solver", method), ("threads", 1), ("time_limit", LIMIT_S)]:
        solver.setOptionValue(option, value)
    matrix = sp.vstack([a["A"], a["G"]], format="csc")
    model = highspy.HighsModel()
    lp = model.lp_
    lp.num_col_, lp.num_row_ = matrix.shape[1], matrix.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = a["c"], a["lower"], a["upper"]
    lp.row_lower_ = np.concatenate([a["b"], a["low"]])
    lp.row_upper_ = np.concatenate([a["b"], a["high"]])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    solver.passModel(model)
    solver.run()
    is_optimal = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return solver.getInfo().objective_function_value if is_optimal else None


def clarabel(campus):
    import clarabel as library

    a = arrays(campus)
    eye = sp.identity(len(a["c"]), format="csc")
    finite = np.isfinite(a["low"])
    matrix = sp.vstack([a["A"], a["G"], -a["G"][finite], eye, -eye], format="csc")
    right = np.concatenate([a["b"], a["high"], -a["low"][finite], a["upper"], -a["lower"]])
    cones = [library.ZeroConeT(len(a["b"])), library.NonnegativeConeT(len(right) - len(a["b"]))]
    settings = library.DefaultSettings()
    settings.verbose, settings.time_limit = False, LIMIT_S
    settings.max_threads = 1
    solution = library.DefaultSolver(sp.triu(a["P"], format="csc"), a["c"], matrix, right, cones, settings).solve()
    return solution.obj_val if str(solution.status) == "Solved" else None


def piqp(campus):
    import piqp as library

    a = arrays(campus)
    solver = library.SparseSolver()
    solver.settings.verbose = False
    infinite = 1e30
    solver.setup(
        a["P"], a["c"], a["A"], a["b"], a["G"],
        np.maximum(a["low"], -infinite), np.minimum(a["high"], infinite), a["lower"], a["upper"],
    )
    status = solver.solve()
    return solver.result.info.primal_obj if status == library.PIQP_SOLVED else None


def pypsa(campus):
    import logging
    import warnings

    import pandas as pd
    import pypsa as library

    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore")
    n = library.Network()
    n.set_snapshots(pd.RangeIndex(T))
    n.snapshot_weightings = n.snapshot_weightings.astype(float) * HOURS
    n.add("Bus", "campus")
    n.add("Load", "all", bus="campus", p_set=np.array(campus.demand) / 1e6)
    for g in campus.generators:
        peak = max(max(g.high), 1) / 1e6
        n.add("Carrier", g.name, co2_emissions=g.carbon / 1e3)
        ramp = {} if g.ramp is None else dict(
            ramp_limit_up=g.ramp / 1e6 / peak, ramp_limit_down=g.ramp / 1e6 / peak, p_init=g.before / 1e6
        )
        n.add(
            "Generator", g.name, bus="campus", carrier=g.name, p_nom=peak, p_min_pu=g.low[0] / 1e6 / peak,
            p_max_pu=np.array(g.high) / 1e6 / peak, marginal_cost=g.price,
            marginal_cost_quadratic=g.quadratic / 2, **ramp,
        )
    for b in campus.batteries:
        n.add(
            "StorageUnit", b.name, bus="campus", p_nom=b.power / 1e6, max_hours=b.capacity / b.power,
            efficiency_store=b.efficiency, efficiency_dispatch=b.efficiency,
            state_of_charge_initial=b.stored / 1e6, marginal_cost=b.wear,
        )
    n.add("Generator", "import", bus="campus", p_nom=campus.import_max / 1e6, marginal_cost=campus.tariff)
    n.add(
        "Generator", "export", bus="campus", p_nom=campus.export_max / 1e6, p_min_pu=-1, p_max_pu=0,
        marginal_cost=campus.feed_in,
    )
    n.add(
        "Generator", "shed", bus="campus", p_nom=1.0, p_max_pu=np.array(campus.sheddable) / 1e6,
        marginal_cost=campus.value,
    )

    def extra(n, snapshots):
        # What PyPSA has no attribute for: final energy, and carbon of the import by interval.
        for b in campus.batteries:
            stored = n.model["StorageUnit-state_of_charge"]
            n.model.add_constraints(stored.sel(name=b.name).isel(snapshot=-1) >= b.stored / 1e6)
        power = n.model["Generator-p"]
        emissions = sum(
            (power.sel(name=g.name) * (g.carbon * HOURS / 1e3)).sum() for g in campus.generators if g.carbon
        )
        weights = np.array(campus.import_carbon) * HOURS / 1e3
        imported = (power.sel(name="import") * power.coords["snapshot"].copy(data=weights)).sum()
        n.model.add_constraints(emissions + imported <= campus.cap_kg / 1e3)

    status, _ = n.optimize(
        solver_name="highs", extra_functionality=extra, include_objective_constant=False,
        log_to_console=False, threads=1, time_limit=LIMIT_S, progress=False,
    )
    return n.objective if status == "ok" else None


RIVALS = {
    "HiGHS simplex": lambda campus: highs(campus, "simplex"),
    "HiGHS interior point": lambda campus: highs(campus, "ipm"),
    "Clarabel": clarabel,
    "PIQP": piqp,
    "PyPSA": pypsa,
}
# The engine of HiGHS for quadratic programs is another one, and fails on these.
LINEAR_ONLY = ["HiGHS simplex", "HiGHS interior point", "PyPSA"]
