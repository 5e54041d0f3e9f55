//! What each PyPSA attribute is to the importer: read, a label, or something that must be left at its default.
//!
//! The list is that of PyPSA 1.1 (`pypsa/data/component_attrs`). A column that is no attribute of PyPSA changes
//! nothing there either; it is counted as not read.

use super::table::{Table, flag, is_empty, number};
use crate::error::{Place, StudyError};

/// A kind of component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// Name of its files.
    pub(super) list: &'static str,
    /// Columns the importer reads.
    pub(super) read: &'static [&'static str],
    /// Series files the importer reads.
    pub(super) series: &'static [&'static str],
    /// Columns that may say only this, or nothing.
    only: &'static [(&'static str, Only)],
    /// Columns and series that are results, labels, or about investment alone.
    labels: &'static [&'static str],
}

/// The one value a column may have.
#[derive(Clone, Copy, Debug)]
enum Only {
    Number(f64),
    Flag(bool),
    Nothing,
}

const LABELS: [&str; 32] = [
    "name",
    "control",
    "type",
    "unit",
    "location",
    "build_year",
    "lifetime",
    "capital_cost",
    "overnight_cost",
    "discount_rate",
    "fom_cost",
    "weight",
    "q_set",
    "p",
    "q",
    "mu_upper",
    "mu_lower",
    "mu_p_set",
    "mu_energy_balance",
    "p_nom_min",
    "p_nom_max",
    "p_nom_mod",
    "p_nom_set",
    "p_nom_opt",
    "e_nom_min",
    "e_nom_max",
    "e_nom_mod",
    "e_nom_set",
    "e_nom_opt",
    "color",
    "nice_name",
    "country",
];

pub(super) const GENERATORS: Kind = Kind {
    list: "generators",
    read: &[
        "bus",
        "carrier",
        "p_nom",
        "p_min_pu",
        "p_max_pu",
        "marginal_cost",
        "marginal_cost_quadratic",
        "ramp_limit_up",
        "ramp_limit_down",
        "p_init",
        "up_time_before",
        "efficiency",
        "committable",
        "start_up_cost",
        "shut_down_cost",
        "stand_by_cost",
        "min_up_time",
        "min_down_time",
        "down_time_before",
        "ramp_limit_start_up",
        "ramp_limit_shut_down",
    ],
    series: &["p_min_pu", "p_max_pu", "marginal_cost"],
    only: &[
        ("p_nom_extendable", Only::Flag(false)),
        ("active", Only::Flag(true)),
        ("sign", Only::Number(1.0)),
        ("p_set", Only::Nothing),
        ("e_sum_min", Only::Number(f64::NEG_INFINITY)),
        ("e_sum_max", Only::Number(f64::INFINITY)),
    ],
    labels: &["status", "start_up", "shut_down", "mu_ramp_limit_up", "mu_ramp_limit_down"],
};

pub(super) const STORAGE_UNITS: Kind = Kind {
    list: "storage_units",
    read: &[
        "bus",
        "carrier",
        "p_nom",
        "p_min_pu",
        "p_max_pu",
        "max_hours",
        "efficiency_store",
        "efficiency_dispatch",
        "standing_loss",
        "state_of_charge_initial",
        "cyclic_state_of_charge",
        "marginal_cost",
        "inflow",
    ],
    series: &["inflow", "state_of_charge_set"],
    only: &[
        ("p_nom_extendable", Only::Flag(false)),
        ("active", Only::Flag(true)),
        ("sign", Only::Number(1.0)),
        ("p_set", Only::Nothing),
        ("p_dispatch_set", Only::Nothing),
        ("p_store_set", Only::Nothing),
        ("state_of_charge_set", Only::Nothing),
        ("spill_cost", Only::Number(0.0)),
        ("marginal_cost_quadratic", Only::Number(0.0)),
        ("marginal_cost_storage", Only::Number(0.0)),
    ],
    labels: &[
        "state_of_charge_initial_per_period",
        "cyclic_state_of_charge_per_period",
        "p_dispatch",
        "p_store",
        "state_of_charge",
        "spill",
        "mu_state_of_charge_set",
    ],
};

pub(super) const STORES: Kind = Kind {
    list: "stores",
    read: &[
        "bus",
        "carrier",
        "e_nom",
        "e_min_pu",
        "e_max_pu",
        "e_initial",
        "e_cyclic",
        "standing_loss",
    ],
    series: &["e_min_pu", "e_max_pu", "e_set"],
    only: &[
        ("e_nom_extendable", Only::Flag(false)),
        ("active", Only::Flag(true)),
        ("sign", Only::Number(1.0)),
        ("p_set", Only::Nothing),
        ("e_set", Only::Nothing),
        // Paid when discharging and earned when charging: a price, not a cost.
        ("marginal_cost", Only::Number(0.0)),
        ("marginal_cost_quadratic", Only::Number(0.0)),
        ("marginal_cost_storage", Only::Number(0.0)),
    ],
    labels: &["e_initial_per_period", "e_cyclic_per_period", "e"],
};

pub(super) const LOADS: Kind = Kind {
    list: "loads",
    read: &["bus", "p_set"],
    series: &["p_set"],
    only: &[("active", Only::Flag(true)), ("sign", Only::Number(-1.0))],
    labels: &["carrier"],
};

pub(super) const KINDS: [Kind; 4] = [GENERATORS, STORAGE_UNITS, STORES, LOADS];

/// Components whose rows are refused, and what they are.
pub(super) const FOREIGN: [(&str, &str); 6] = [
    ("links", "a link"),
    ("lines", "a line"),
    ("transformers", "a transformer"),
    ("shunt_impedances", "a shunt impedance"),
    ("processes", "a process"),
    ("investment_periods", "an investment period"),
];

impl Kind {
    /// Refuses what would change the answer and is not read; returns columns PyPSA does not know either.
    pub(super) fn check_columns(&self, table: &Table) -> Result<Vec<String>, StudyError> {
        let mut unread = Vec::new();
        for column in table.columns.iter().skip(1) {
            if self.read.contains(&column.as_str()) || self.is_label(column) {
                continue;
            }
            let Some((_, only)) = self.only.iter().find(|(name, _)| name == column) else {
                unread.push(format!("{}, column `{column}`", table.file));
                continue;
            };
            for component in table.components() {
                if let Some(text) = component.text(column)
                    && !only.allows(text)
                {
                    return Err(component.unsupported(column, format!("{column} = {text}")));
                }
            }
        }
        Ok(unread)
    }

    /// Whether a series file is read, or is a result or a label; anything else that has values is refused.
    pub(super) fn check_series(
        &self,
        attribute: &str,
        table: &Table,
    ) -> Result<Option<String>, StudyError> {
        if self.series.contains(&attribute) || self.is_label(attribute) {
            return Ok(None);
        }
        let only = self.only.iter().find(|(name, _)| *name == attribute).map(|(_, only)| *only);
        let is_known = only.is_some() || self.read.contains(&attribute);
        if !is_known {
            return Ok(Some(table.file.clone()));
        }
        for row in &table.rows {
            for (column, cell) in table.columns.iter().zip(row).skip(1) {
                if !is_empty(cell) && !only.is_some_and(|only| only.allows(cell)) {
                    return Err(StudyError::Unsupported {
                        place: Place {
                            file: table.file.clone(),
                            column: Some(column.clone()),
                            component: Some(column.clone()),
                        },
                        what: format!("a series of {attribute}"),
                    });
                }
            }
        }
        Ok(None)
    }

    fn is_label(&self, name: &str) -> bool {
        LABELS.contains(&name) || self.labels.contains(&name)
    }
}

impl Only {
    fn allows(self, text: &str) -> bool {
        match self {
            Self::Number(only) => number(text) == Some(only),
            Self::Flag(only) => flag(text) == Some(only),
            Self::Nothing => false,
        }
    }
}
