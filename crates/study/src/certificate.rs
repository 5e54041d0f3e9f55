//! The certificate file: a dispatch and the multipliers that prove it, by name, in the problem's whole quanta.
//!
//! Whoever has the study and this file can run the exact check ([`verify`](crate::verify)) without trusting whoever
//! solved it. Quanta are those of the study's translation, which follows from the study alone; the file repeats
//! them so that a reader can see what the numbers mean, and a file of another translation is refused.

use crate::{
    error::StudyError,
    run::Answer,
    study::Study,
    translate::{Scale, Translated},
};
use gridaccord_dispatch::horizon::{
    CarbonMultipliers, HorizonAnswer, HorizonCertificate, HorizonSolution,
};
use gridaccord_model::Watts;
use serde::{Deserialize, Serialize};

/// What a file says it is.
pub const FORMAT: &str = "gridaccord-horizon-1";

/// `certificate.json`
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFile {
    format: String,
    study: String,
    intervals: usize,
    quanta: Quanta,
    generators: Vec<GeneratorEntry>,
    storages: Vec<StorageEntry>,
    loads: Vec<LoadEntry>,
    import: Vec<i64>,
    export: Vec<i64>,
    price: Vec<i64>,
    reserve: Vec<i64>,
    carbon: CarbonEntry,
    peak: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shiftable: Vec<ShiftableEntry>,
}

/// Multipliers of the caps on operating carbon.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct CarbonEntry {
    horizon: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interval: Vec<i64>,
    excess: i64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ShiftableEntry {
    name: String,
    power: Vec<i64>,
    multiplier: i64,
}

/// What a quantum of each kind is worth.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Quanta {
    /// A quantum of power is 10^this W.
    power_exponent: i32,
    /// A multiplier is 5·10^-(10 + this) currency per kWh.
    money_exponent: i32,
    /// Length of an interval, s.
    duration_s: u32,
    /// A quantum of carbon intensity.
    carbon_kg_per_kwh: f64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GeneratorEntry {
    name: String,
    /// Which of the generator's prices, counted from 0.
    price: usize,
    power: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ramp: Vec<i64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StorageEntry {
    name: String,
    charge: Vec<i64>,
    discharge: Vec<i64>,
    value: Vec<i64>,
    /// With what a cyclic storage begins and ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cycle: Option<i64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LoadEntry {
    name: String,
    shed: Vec<i64>,
}

/// Writes an answer.
#[must_use]
pub fn write(study: &Study, translated: &Translated, answer: &Answer) -> String {
    let Answer { exact: HorizonAnswer { solution, certificate }, energies } = answer;
    let numbers = |powers: &[Watts]| powers.iter().map(|power| power.0).collect::<Vec<_>>();
    let generators = (translated.parts.iter().zip(&solution.generators).zip(&certificate.ramp))
        .enumerate()
        .map(|(position, ((part, powers), ramp))| GeneratorEntry {
            name: study.generators[part.generator].name.clone(),
            price: price_number(translated, position),
            power: numbers(powers),
            ramp: ramp.clone(),
        });
    let flows = solution.charge.iter().zip(&solution.discharge).zip(&certificate.energy);
    let storages =
        study.storages.iter().zip(flows).map(|(storage, ((charge, discharge), value))| {
            StorageEntry {
                name: storage.name.clone(),
                charge: numbers(charge),
                discharge: numbers(discharge),
                value: value.clone(),
                cycle: None,
            }
        });
    let mut storages: Vec<StorageEntry> = storages.collect();
    for (number, energy) in translated.cyclic.iter().zip(energies) {
        storages[*number].cycle = Some(*energy);
    }
    let loads = translated.tiers.iter().zip(&solution.shed).map(|(load, shed)| LoadEntry {
        name: study.loads[*load].name.clone(),
        shed: numbers(shed),
    });
    let moved = solution.shift.iter().zip(&certificate.shift);
    let shiftable = study.shiftable.iter().zip(moved).map(|(load, (powers, multiplier))| {
        ShiftableEntry { name: load.name.clone(), power: numbers(powers), multiplier: *multiplier }
    });
    let file = CertificateFile {
        format: FORMAT.to_owned(),
        study: study.name.clone(),
        intervals: study.intervals(),
        quanta: Quanta::of(translated),
        generators: generators.collect(),
        storages,
        loads: loads.collect(),
        import: numbers(&solution.import),
        export: numbers(&solution.export),
        price: certificate.price.clone(),
        reserve: certificate.reserve.clone(),
        carbon: CarbonEntry {
            horizon: certificate.carbon[0].horizon,
            interval: certificate.carbon[0].interval.clone(),
            excess: certificate.carbon[0].excess,
        },
        peak: certificate.peak.clone(),
        shiftable: shiftable.collect(),
    };
    serde_json::to_string(&file).expect("numbers and names are JSON") + "\n"
}

/// Whether a text is a certificate file of a horizon, sound or not.
#[must_use]
pub fn is_certificate(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|value| value.get("format").and_then(|format| format.as_str()) == Some(FORMAT))
}

/// Reads an answer to a study.
///
/// # Errors
/// Text that is not of this format, or belongs to another study.
pub fn read(text: &str, study: &Study, translated: &Translated) -> Result<Answer, StudyError> {
    let refuse = |message: String| Err(StudyError::Certificate(message));
    let file: CertificateFile = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => return refuse(format!("not a certificate file: {error}")),
    };
    if file.format != FORMAT {
        return refuse(format!("format is `{}`, this program reads `{FORMAT}`", file.format));
    }
    if file.study != study.name {
        return refuse(format!("it solves `{}`, not `{}`", file.study, study.name));
    }
    if file.intervals != study.intervals() {
        return refuse(format!(
            "it has {} intervals, the study {}",
            file.intervals,
            study.intervals()
        ));
    }
    if !file.quanta.is_of(translated) {
        return refuse("its quanta are not those of the study".to_owned());
    }
    let parts = translated.parts.iter().enumerate().map(|(position, part)| {
        (study.generators[part.generator].name.as_str(), price_number(translated, position))
    });
    same(
        "generators",
        file.generators.iter().map(|entry| (entry.name.as_str(), entry.price)),
        parts,
    )?;
    same(
        "storages",
        file.storages.iter().map(|entry| entry.name.as_str()),
        study.storages.iter().map(|storage| storage.name.as_str()),
    )?;
    same(
        "loads",
        file.loads.iter().map(|entry| entry.name.as_str()),
        translated.tiers.iter().map(|load| study.loads[*load].name.as_str()),
    )?;
    same(
        "cyclic storages",
        file.storages
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.cycle.is_some())
            .map(|(number, _)| number),
        translated.cyclic.iter().copied(),
    )?;
    same(
        "shiftable loads",
        file.shiftable.iter().map(|entry| entry.name.as_str()),
        study.shiftable.iter().map(|load| load.name.as_str()),
    )?;
    Ok(file.answer())
}

impl CertificateFile {
    fn answer(self) -> Answer {
        let watts = |powers: Vec<i64>| powers.into_iter().map(Watts).collect::<Vec<_>>();
        let (generators, ramp) =
            self.generators.into_iter().map(|entry| (watts(entry.power), entry.ramp)).unzip();
        let (mut charge, mut discharge, mut energy) = (Vec::new(), Vec::new(), Vec::new());
        let energies = self.storages.iter().filter_map(|entry| entry.cycle).collect();
        for entry in self.storages {
            charge.push(watts(entry.charge));
            discharge.push(watts(entry.discharge));
            energy.push(entry.value);
        }
        let (shifted, shift) =
            self.shiftable.into_iter().map(|entry| (watts(entry.power), entry.multiplier)).unzip();
        let exact = HorizonAnswer {
            solution: HorizonSolution {
                generators,
                charge,
                discharge,
                import: watts(self.import),
                export: watts(self.export),
                shed: self.loads.into_iter().map(|entry| watts(entry.shed)).collect(),
                shift: shifted,
            },
            certificate: HorizonCertificate {
                price: self.price,
                reserve: self.reserve,
                carbon: [
                    CarbonMultipliers {
                        horizon: self.carbon.horizon,
                        interval: self.carbon.interval,
                        excess: self.carbon.excess,
                    },
                    CarbonMultipliers::default(),
                ],
                shift,
                peak: self.peak,
                ramp,
                energy,
                ..HorizonCertificate::default()
            },
        };
        Answer { exact, energies }
    }
}

fn same<T: PartialEq + core::fmt::Debug>(
    what: &str,
    found: impl Iterator<Item = T>,
    expected: impl Iterator<Item = T>,
) -> Result<(), StudyError> {
    let (found, expected): (Vec<T>, Vec<T>) = (found.collect(), expected.collect());
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    Err(StudyError::Certificate(match differs {
        Some((found, expected)) => {
            format!("its {what} are not those of the study: {found:?} where {expected:?} stands")
        }
        None => format!("it has {} {what}, the study {}", found.len(), expected.len()),
    }))
}

/// Which of its generator's prices a part has.
fn price_number(translated: &Translated, position: usize) -> usize {
    let generator = translated.parts[position].generator;
    let before = &translated.parts[..position];
    before.iter().rev().take_while(|part| part.generator == generator).count()
}

impl Quanta {
    fn of(translated: &Translated) -> Self {
        let Scale { power_exponent, money_exponent, carbon, duration_s, .. } = translated.scale;
        Self { power_exponent, money_exponent, duration_s, carbon_kg_per_kwh: 1.0 / carbon }
    }

    /// Decimal text may be off by a last place; the check uses the study's own in any case.
    fn is_of(&self, translated: &Translated) -> bool {
        let own = Self::of(translated);
        let carbon_is_same =
            (self.carbon_kg_per_kwh - own.carbon_kg_per_kwh).abs() <= 1e-12 * own.carbon_kg_per_kwh;
        (self.power_exponent, self.money_exponent, self.duration_s)
            == (own.power_exponent, own.money_exponent, own.duration_s)
            && carbon_is_same
    }
}
