//! The certificate file of a unit commitment: dispatch, states, and a proof in branches.

use super::{FORMAT_COMMITMENT, Quanta, ShiftableEntry, same};
use crate::{
    error::StudyError,
    study::Study,
    translate::{Committed, Translated},
};
use gridaccord_dispatch::horizon::{
    CarbonMultipliers, HorizonCertificate, HorizonSolution,
    commitment::{
        Branch, CommitmentAnswer, CommitmentCertificate, CommitmentMultipliers, CommitmentSolution,
        Held,
    },
};
use gridaccord_model::Watts;
use serde::{Deserialize, Serialize};

/// `certificate.json` of a commitment.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CommitmentFile {
    format: String,
    study: String,
    intervals: usize,
    quanta: Quanta,
    generators: Vec<PowerEntry>,
    plants: Vec<PlantEntry>,
    storages: Vec<StorageEntry>,
    loads: Vec<PowerEntry>,
    import: Vec<i64>,
    export: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shiftable: Vec<ShiftableEntry>,
    /// Of the commitment as it is: its prices.
    given: MultiplierEntry,
    branches: Vec<BranchEntry>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PowerEntry {
    name: String,
    power: Vec<i64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PlantEntry {
    name: String,
    on: Vec<bool>,
    power: Vec<i64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StorageEntry {
    name: String,
    begin: i64,
    charge: Vec<i64>,
    discharge: Vec<i64>,
    spill: Vec<i64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct MultiplierEntry {
    price: Vec<i64>,
    reserve: Vec<i64>,
    carbon: i64,
    carbon_interval: Vec<i64>,
    carbon_excess: i64,
    peak: Vec<i64>,
    shift: Vec<i64>,
    /// By plant.
    ramp: Vec<Vec<i64>>,
    /// By storage.
    energy: Vec<Vec<i64>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct BranchEntry {
    /// Plant, interval, on.
    held: Vec<(usize, usize, bool)>,
    multipliers: MultiplierEntry,
}

fn numbers(powers: &[Watts]) -> Vec<i64> {
    powers.iter().map(|power| power.0).collect()
}

fn watts(powers: Vec<i64>) -> Vec<Watts> {
    powers.into_iter().map(Watts).collect()
}

/// Names of the base's generators, the plants, the storages and the sheddable loads.
fn names<'a>(
    study: &'a Study,
    translated: &Translated,
    committed: &Committed,
) -> [Vec<&'a str>; 4] {
    let base = committed.base.iter().map(|part| translated.parts[*part].generator);
    [
        base.map(|generator| study.generators[generator].name.as_str()).collect(),
        committed.plants.iter().map(|plant| study.generators[*plant].name.as_str()).collect(),
        study.storages.iter().map(|storage| storage.name.as_str()).collect(),
        translated.tiers.iter().map(|load| study.loads[*load].name.as_str()).collect(),
    ]
}

/// Writes an answer.
pub(super) fn write(
    study: &Study,
    translated: &Translated,
    committed: &Committed,
    answer: &CommitmentAnswer,
) -> String {
    let CommitmentSolution { base, on, plants, charge, discharge, spill, begin } = &answer.solution;
    let [generator_names, plant_names, storage_names, load_names] =
        names(study, translated, committed);
    let entries = |names: Vec<&str>, lists: &[Vec<Watts>]| -> Vec<PowerEntry> {
        let pairs = names.into_iter().zip(lists);
        pairs
            .map(|(name, list)| PowerEntry { name: name.to_owned(), power: numbers(list) })
            .collect()
    };
    let plants = plant_names.into_iter().zip(on).zip(plants).map(|((name, on), powers)| {
        PlantEntry { name: name.to_owned(), on: on.clone(), power: numbers(powers) }
    });
    let storages = storage_names.into_iter().enumerate().map(|(number, name)| StorageEntry {
        name: name.to_owned(),
        begin: begin[number],
        charge: numbers(&charge[number]),
        discharge: numbers(&discharge[number]),
        spill: spill[number].clone(),
    });
    let given = &answer.certificate.given;
    let moved = base.shift.iter().zip(&given.base.shift);
    let shiftable = study.shiftable.iter().zip(moved).map(|(load, (powers, multiplier))| {
        ShiftableEntry { name: load.name.clone(), power: numbers(powers), multiplier: *multiplier }
    });
    let branches = answer.certificate.branches.iter().map(|branch| BranchEntry {
        held: (branch.held.iter())
            .map(|Held { plant, interval, is_on }| (*plant, *interval, *is_on))
            .collect(),
        multipliers: MultiplierEntry::of(&branch.multipliers),
    });
    let file = CommitmentFile {
        format: FORMAT_COMMITMENT.to_owned(),
        study: study.name.clone(),
        intervals: study.intervals(),
        quanta: Quanta::of(translated),
        generators: entries(generator_names, &base.generators),
        plants: plants.collect(),
        storages: storages.collect(),
        loads: entries(load_names, &base.shed),
        import: numbers(&base.import),
        export: numbers(&base.export),
        shiftable: shiftable.collect(),
        given: MultiplierEntry::of(given),
        branches: branches.collect(),
    };
    serde_json::to_string(&file).expect("numbers and names are JSON") + "\n"
}

/// Reads an answer to a study.
pub(super) fn read(
    text: &str,
    study: &Study,
    translated: &Translated,
    committed: &Committed,
) -> Result<CommitmentAnswer, StudyError> {
    let file: CommitmentFile = serde_json::from_str(text)
        .map_err(|error| StudyError::Certificate(format!("not a certificate file: {error}")))?;
    super::check_head((&file.format, FORMAT_COMMITMENT), &file.study, file.intervals, study)?;
    file.quanta.check(translated)?;
    let [generators, plants, storages, loads] = names(study, translated, committed);
    let named = |entries: &[PowerEntry]| -> Vec<String> {
        entries.iter().map(|entry| entry.name.clone()).collect()
    };
    same("generators", named(&file.generators).iter().map(String::as_str), generators.into_iter())?;
    same("plants", file.plants.iter().map(|entry| entry.name.as_str()), plants.into_iter())?;
    same("storages", file.storages.iter().map(|entry| entry.name.as_str()), storages.into_iter())?;
    same("loads", named(&file.loads).iter().map(String::as_str), loads.into_iter())?;
    same(
        "shiftable loads",
        file.shiftable.iter().map(|entry| entry.name.as_str()),
        study.shiftable.iter().map(|load| load.name.as_str()),
    )?;
    Ok(file.answer(committed.base.len()))
}

impl CommitmentFile {
    fn answer(self, generators: usize) -> CommitmentAnswer {
        let mut solution = CommitmentSolution {
            base: HorizonSolution {
                generators: self.generators.into_iter().map(|entry| watts(entry.power)).collect(),
                import: watts(self.import),
                export: watts(self.export),
                shed: self.loads.into_iter().map(|entry| watts(entry.power)).collect(),
                shift: self.shiftable.into_iter().map(|entry| watts(entry.power)).collect(),
                ..HorizonSolution::default()
            },
            ..CommitmentSolution::default()
        };
        for entry in self.plants {
            solution.on.push(entry.on);
            solution.plants.push(watts(entry.power));
        }
        for entry in self.storages {
            solution.begin.push(entry.begin);
            solution.charge.push(watts(entry.charge));
            solution.discharge.push(watts(entry.discharge));
            solution.spill.push(entry.spill);
        }
        let branches = self.branches.into_iter().map(|entry| Branch {
            held: (entry.held.into_iter())
                .map(|(plant, interval, is_on)| Held { plant, interval, is_on })
                .collect(),
            multipliers: entry.multipliers.multipliers(generators),
        });
        let certificate = CommitmentCertificate {
            branches: branches.collect(),
            given: self.given.multipliers(generators),
        };
        CommitmentAnswer { solution, certificate }
    }
}

impl MultiplierEntry {
    fn of(own: &CommitmentMultipliers) -> Self {
        let carbon = &own.base.carbon[0];
        Self {
            price: own.base.price.clone(),
            reserve: own.base.reserve.clone(),
            carbon: carbon.horizon,
            carbon_interval: carbon.interval.clone(),
            carbon_excess: carbon.excess,
            peak: own.base.peak.clone(),
            shift: own.base.shift.clone(),
            ramp: own.ramp.clone(),
            energy: own.energy.clone(),
        }
    }

    fn multipliers(self, generators: usize) -> CommitmentMultipliers {
        let operating = CarbonMultipliers {
            horizon: self.carbon,
            interval: self.carbon_interval,
            excess: self.carbon_excess,
        };
        CommitmentMultipliers {
            base: HorizonCertificate {
                price: self.price,
                reserve: self.reserve,
                carbon: [operating, CarbonMultipliers::default()],
                peak: self.peak,
                shift: self.shift,
                ramp: vec![Vec::new(); generators],
                ..HorizonCertificate::default()
            },
            ramp: self.ramp,
            energy: self.energy,
        }
    }
}
