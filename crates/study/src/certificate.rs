//! The certificate file: a dispatch and the multipliers that prove it, by name, in the problem's whole quanta.
//!
//! Whoever has the study and this file can run the exact check ([`verify`](crate::verify)) without trusting whoever
//! solved it. Quanta are those of the study's translation, which follows from the study alone; the file repeats
//! them so that a reader can see what the numbers mean, and a file of another translation is refused.

mod commitment;

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
/// What a file of a unit commitment says it is.
pub const FORMAT_COMMITMENT: &str = "gridaccord-commitment-1";

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
    if let Some((committed, own)) = translated.committed.as_ref().zip(answer.commitment.as_ref()) {
        return commitment::write(study, translated, committed, own);
    }
    let Answer { exact: HorizonAnswer { solution, certificate }, energies, .. } = answer;
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
    let format = |value: &serde_json::Value| Some(value.get("format")?.as_str()?.to_owned());
    serde_json::from_str(text)
        .ok()
        .and_then(|value| format(&value))
        .is_some_and(|format| [FORMAT, FORMAT_COMMITMENT].contains(&format.as_str()))
}

/// Reads an answer to a study.
///
/// # Errors
/// Text that is not of this format, or belongs to another study.
pub fn read(text: &str, study: &Study, translated: &Translated) -> Result<Answer, StudyError> {
    if let Some(committed) = &translated.committed {
        let own = commitment::read(text, study, translated, committed)?;
        let (exact, energies) = (HorizonAnswer::default(), Vec::new());
        return Ok(Answer { exact, energies, commitment: Some(Box::new(own)) });
    }
    let file: CertificateFile = serde_json::from_str(text)
        .map_err(|error| StudyError::Certificate(format!("not a certificate file: {error}")))?;
    check_head((&file.format, FORMAT), &file.study, file.intervals, study)?;
    file.quanta.check(translated)?;
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

/// Format, study and length of a file.
fn check_head(
    (format, expected): (&str, &str),
    name: &str,
    intervals: usize,
    study: &Study,
) -> Result<(), StudyError> {
    let refuse = |message: String| Err(StudyError::Certificate(message));
    if format != expected {
        return refuse(format!("format is `{format}`, this program reads `{expected}`"));
    }
    if name != study.name {
        return refuse(format!("it solves `{name}`, not `{}`", study.name));
    }
    if intervals != study.intervals() {
        return refuse(format!("it has {intervals} intervals, the study {}", study.intervals()));
    }
    Ok(())
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
        Answer { exact, energies, commitment: None }
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

    fn check(&self, translated: &Translated) -> Result<(), StudyError> {
        if self.is_of(translated) {
            return Ok(());
        }
        Err(StudyError::Certificate("its quanta are not those of the study".to_owned()))
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
