//! Every way a scenario is refused, with its whole text.

use super::scenario::HEAD;
use gridaccord_model::Scenario;

fn refuse(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}

/// A member whose last section is `rest`, put after the head; lines then count from 15.
fn member(rest: &str) -> String {
    refuse(&format!("{HEAD}[[members]]\nname = \"a\"\nrole = \"supplier\"\n{rest}"))
}

#[test]
fn an_unknown_key_shows_its_place_and_the_allowed_names() {
    assert_eq!(
        refuse(&HEAD.replace("meter_lag_s", "meter_lagg_s")),
        "line 12, column 1: unknown key `meter_lagg_s`\n   |\n12 | meter_lagg_s = 60\n   | ^^^^^^^^^^^^\n   = allowed here: \
         `horizon_intervals`, `open_lead_s`, `close_lead_s`, `meter_lag_s`, `price_cap_per_kwh`"
    );
}

#[test]
fn a_quantity_without_a_unit_is_refused() {
    let text = member("[members.offer]\npower_max = 5\n");
    assert!(text.starts_with(
        "line 18, column 1: unknown key `power_max`\n   |\n18 | power_max = 5\n   | ^^^^^^^^^\n   = a quantity has its \
         unit in its key: write `power_max_w` or `power_max_kw`\n   = allowed here: `power_min_w`, "
    ), "{text}");
}

#[test]
fn toml_itself_may_be_broken() {
    let text = refuse("name = \n");
    assert!(text.starts_with("line 1, column"), "{text}");
    assert!(refuse("name = \"x\"\n").contains("missing field `description`"));
    let text = member("[members.offer]\npower_max_w = \"5\"\n");
    assert!(
        text.contains("line 18, column 15: invalid type: string \"5\", expected a number, a list"),
        "{text}"
    );
    let text = refuse(&format!("{HEAD}[[members]]\nname = \"a\"\nrole = \"king\"\n"));
    assert!(
        text.contains("line 16, column 8: unknown variant `king`, expected one of `supplier`"),
        "{text}"
    );
}

/// Refusals that stand at one place: text of the sections after the head, then the first line of the refusal.
#[test]
fn every_rule_names_its_place() {
    let rows = [
        ("", "no members"),
        ("members = []\n", "unknown key `members`"),
        (
            "[carbon]\nversion = \"1\"\n[carbon.factors.solar]\noperating_g_per_kwh = 0\nembodied_g_per_kwh = 48\nsource = \"\"\n",
            "line 14, column 1: the factor of \"solar\" names no source",
        ),
        (
            "[carbon]\nversion = \"1\"\n[carbon.factors.solar]\noperating_g_per_kwh = -1\nembodied_g_per_kwh = 48\nsource = \"x\"\n",
            "line 17, column 23: `operating_g_per_kwh` is outside 0 to 100000",
        ),
        (
            "[carbon]\nversion = \"1\"\nforbidden = [\"gas\", \"gas\"]\n[carbon.factors]\n",
            "line 14, column 1: class \"gas\" is empty, has other characters than a-z, 0-9 and -, or stands twice",
        ),
        (
            "[[members]]\nname = \"A b\"\nrole = \"auditor\"\n",
            "line 15, column 8: the name `A b` is empty or has other characters than a-z, 0-9 and -",
        ),
        (
            "[[members]]\nname = \"a\"\nrole = \"auditor\"\n[[members]]\nname = \"a\"\nrole = \"auditor\"\n",
            "line 18, column 8: two members are called `a`",
        ),
        (
            "[[members]]\nname = \"a123456789012345678901234567890123\"\nrole = \"auditor\"\n",
            "line 15, column 8: `a123456789012345678901234567890123` is longer than 32 characters",
        ),
        (
            "[[groups]]\nname = \"t\"\ncount = 2\nrole = \"tenant\"\nfirm_each_w = [1]\n",
            "line 18, column 15: `firm_each_w` lists 1 values for 2 members",
        ),
        (
            "[[groups]]\nname = \"t\"\ncount = 2_000\nrole = \"tenant\"\n",
            "line 16, column 9: `count` is outside 1 to 1024",
        ),
        (
            "[[groups]]\nname = \"t\"\ncount = 1\nrole = \"tenant\"\nfirm_each_w = [1]\nprofile = \"moon\"\n",
            "line 19, column 11: no profile is called `moon`",
        ),
        ("[profiles.sun]\nstep_s = 60\nshares = []\n", "line 16, column 10: `shares` is empty"),
        (
            "[profiles.sun]\nstep_s = 60\nshares = [1.5]\n",
            "line 16, column 11: `shares` is outside -1 to 1",
        ),
        ("[demo]\nfocus = \"noon\"\n", "line 15, column 9: `noon` is not a time"),
        ("[demo]\nintervals = 5\n", "line 15, column 13: `intervals` is outside 1 to 4"),
        ("[trust]\nseats = 0\n", "line 15, column 9: `seats` is outside 1 to 64"),
        ("[trust]\nalpha_ppm = 2e6\n", "line 15, column 13: `alpha_ppm` is outside 0 to 1000000"),
        (
            "[trust]\ntoken_value_currency = 0\n",
            "line 15, column 24: `token_value_currency` is outside 0.000001 to 9007199254.740992",
        ),
        (
            "[thresholds]\ngap_ppb = -1\n",
            "line 15, column 11: `gap_ppb` is outside 0 to 1000000000",
        ),
    ];
    for (rest, expected) in rows {
        let text = refuse(&format!("{HEAD}{rest}"));
        let first = text.lines().next().unwrap();
        assert!(first == expected || text.contains(expected), "{text}\nexpected: {expected}");
    }
}

#[test]
fn every_rule_of_a_member_names_its_place() {
    let rows = [
        (
            "[members.offer]\nprice_per_kwh = 1\n",
            "line 17, column 1: `power_max_w` or `power_max_kw` is missing",
        ),
        (
            "[members.offer]\npower_max_w = 1\npower_max_kw = 1\nprice_per_kwh = 1\n",
            "line 17, column 1: `power_max_w` and `power_max_kw` are both given; give one",
        ),
        ("[members.offer]\npower_max_w = 1\n", "line 17, column 1: an offer needs one cost"),
        (
            "[members.offer]\npower_max_w = 1\nprice_per_kwh = 1\nlinear_per_kwh = 1\n",
            "line 17, column 1: an offer needs one cost",
        ),
        (
            "[members.offer]\npower_max_w = [1, 2]\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w` lists 2 values for 4 intervals",
        ),
        (
            "[members.offer]\npower_max_w = 1.5\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w`: rounding to a whole quantum would change it by more than one part in ten million",
        ),
        (
            "[members.offer]\npower_max_w = 0x10\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w`: not a decimal number",
        ),
        (
            "[members.offer]\npower_max_w = inf\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w`: not a decimal number",
        ),
        (
            "[members.offer]\npower_max_w = 1e30\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w`: too large",
        ),
        (
            "[members.offer]\npower_max_w = 1.2345678901234567891\nprice_per_kwh = 1\n",
            "line 18, column 15: `power_max_w`: more than 18 significant digits",
        ),
        (
            "[members.offer]\npower_max_kw = 3_000_000\nprice_per_kwh = 1\n",
            "line 18, column 16: `power_max_kw` is outside 0 to 2147483.648",
        ),
        (
            "[members.offer]\npower_max_w = 5\nblocks = [{ power_w = 4, price_per_kwh = 1 }]\n",
            "line 17, column 1: `blocks` are 4 W wide and start at 0 W; they must reach `power_max_w`",
        ),
        (
            "[members.offer]\npower_max_w = 2\nblocks = [{ power_w = 1, price_per_kwh = 2 }, { power_w = 1, price_per_kwh = 1 }]\n",
            "line 15, column 8: `a`, interval 0: block 1 is cheaper than the block before it",
        ),
        (
            "[members.offer]\npower_min_w = 9\npower_max_w = 5\nprice_per_kwh = 1\n",
            "line 15, column 8: `a`, interval 0: least power 9 W exceeds greatest power 5 W",
        ),
        (
            "[members.tie]\nimport_max_w = 5\nimport_price_per_kwh = 1\nexport_max_w = 5\n",
            "line 17, column 1: a tie that exports needs `export_price_per_kwh`",
        ),
        (
            "[members.tie]\nimport_max_w = 5\nimport_price_per_kwh = [2, 2, 1, 2]\nexport_max_w = 5\nexport_price_per_kwh = 1.5\n",
            "line 17, column 1: interval 2: feed-in is paid above the tariff, which invites wash trades",
        ),
        (
            "[members.offer]\npower_max_w = 1\nprice_per_kwh = 1\n[members.tie]\nimport_max_w = 5\nimport_price_per_kwh = 1\n",
            "line 20, column 1: a member has an `offer` or a `tie`, not both",
        ),
        (
            "[members.need]\ntiers = [{ power_w = 1, value_per_kwh = -1 }]\n",
            "line 18, column 41: `value_per_kwh` is outside 0 to 1099511.627776",
        ),
        (
            "[members.need]\nfirm_w = 2_000_000_000\ntiers = [{ power_w = 2_000_000_000, value_per_kwh = 1 }]\n",
            "line 15, column 8: `a`, interval 0: consumption 4000000000 W is above 2147483648 W",
        ),
        (
            "[[events]]\nkind = \"outage\"\nmember = \"b\"\nat = \"11:00\"\n",
            "line 19, column 10: no member is called `b`",
        ),
        (
            "[[events]]\nkind = \"outage\"\nmember = \"a\"\nat = \"11:00\"\n",
            "line 19, column 10: `a` has no resource that could fail",
        ),
        (
            "[members.offer]\npower_max_w = 1\nprice_per_kwh = 1\n[[events]]\nkind = \"outage\"\nmember = \"a\"\nat = \"25:00\"\n",
            "line 23, column 6: `25:00` is not a time",
        ),
        (
            "[members.offer]\npower_max_w = 1\nprice_per_kwh = 1\n[[events]]\nkind = \"outage\"\nmember = \"a\"\nat = \"11:00\"\nuntil = \"11:00\"\n",
            "line 24, column 9: an event ends after it begins",
        ),
    ];
    for (rest, expected) in rows {
        let text = member(rest);
        assert_eq!(text.lines().next().unwrap(), expected, "{text}");
    }
    let five = "{ power_w = 1, value_per_kwh = 1 }, ".repeat(5);
    let text = member(&format!("[members.need]\ntiers = [{five}]\n"));
    assert!(text.starts_with("line 17, column 1: a need has at most 4 sheddable tiers"), "{text}");
    let many = "{ power_w = 1, price_per_kwh = 1 }, ".repeat(17);
    let text = member(&format!("[members.offer]\npower_max_w = 1\nblocks = [{many}]\n"));
    assert!(text.starts_with("line 17, column 1: an offer has at most 16 blocks"), "{text}");
}

#[test]
fn the_head_is_checked_too() {
    let rows = [
        (
            "\"small\"",
            "\"\"",
            "line 1, column 8: the name `` is empty or has other characters than a-z, 0-9 and -",
        ),
        ("10:00:00Z", "10:00", "line 5, column 9: `2026-03-02T10:00` is not a UTC time"),
        ("3_600", "0", "line 6, column 14: `interval_s` is outside 1 to 1048576"),
        (
            "intervals = 4",
            "period_s = 60\nintervals = 4",
            "line 7, column 12: `period_s` is outside 3600 to 31536000",
        ),
        ("intervals = 4", "intervals = 0", "line 7, column 13: `intervals` is outside 1 to 100000"),
        (
            "close_lead_s = 600",
            "close_lead_s = 1_200",
            "line 10, column 15: `open_lead_s` is outside 1201 to 31536000",
        ),
        ("0.5", "-0.5", "line 13, column 21: `price_cap_per_kwh` is outside 0 to 1099511.627776"),
    ];
    for (from, to, expected) in rows {
        let text = refuse(&HEAD.replace(from, to));
        assert_eq!(text.lines().next().unwrap(), expected, "{text}");
    }
}

#[test]
fn hints_say_what_would_be_right() {
    let text = refuse(&HEAD.replace("10:00:00Z", "10:00"));
    assert!(text.ends_with("= write it as 2026-03-01T00:00:00Z"), "{text}");
    let rest = "[profiles.sun]\nstep_s = 60\nshares = [1]\n[[groups]]\nname = \"t\"\ncount = 1\nrole = \"tenant\"\nfirm_each_w = [1]\nprofile = \"moon\"\n";
    let text = refuse(&format!("{HEAD}{rest}"));
    assert!(text.ends_with("= known profiles: `sun`"), "{text}");
}
