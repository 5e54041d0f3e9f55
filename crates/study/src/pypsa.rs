//! A PyPSA CSV folder as a study: one bus, what can be dispatched on it, and nothing left out silently.
//!
//! Energies are MWh there and powers MW, weightings are hours. What the exact problem has no form for (capacity
//! expansion, a network, fixed set points) is refused with file, column and component. Source of the
//! rules: PyPSA 1.1, `pypsa/optimization/constraints.py` and `global_constraints.py`.

mod attributes;
mod commitment;
mod components;
mod table;

use crate::{
    error::{Place, StudyError},
    study::Study,
};
use attributes::{FOREIGN, KINDS, Kind};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use table::{Component, Table, is_empty, not_a_number, number};

/// A study, and what of the folder was not read because it cannot matter.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The study.
    pub study: Study,
    /// Columns and files that PyPSA does not know either.
    pub unread: Vec<String>,
}

/// Series of one kind of component: attribute, then component, then interval.
type SeriesOf = BTreeMap<String, BTreeMap<String, Vec<Option<f64>>>>;

/// Everything of the folder that the components are built from.
struct Folder {
    tables: BTreeMap<&'static str, Table>,
    series: BTreeMap<&'static str, SeriesOf>,
    /// Carrier to its attribute in the cap on primary energy; empty without a cap.
    intensity: BTreeMap<String, f64>,
    snapshots: Snapshots,
}

/// Snapshots and their weightings, which must be the same for all.
struct Snapshots {
    labels: Vec<String>,
    objective: f64,
    stores: f64,
    generators: f64,
}

/// Reads a folder as `export_to_csv_folder` writes it.
///
/// # Errors
/// A file that cannot be read, a value that makes no sense, or anything unsupported, with its place.
pub fn import(folder: &Path) -> Result<Imported, StudyError> {
    let files = list(folder)?;
    let mut unread = Vec::new();
    refuse_foreign(folder)?;
    let network = Table::read(folder, "network.csv")?;
    let snapshots = snapshots(folder)?;
    let (mut tables, mut series) = (BTreeMap::new(), BTreeMap::new());
    for kind in KINDS {
        if let Some(table) = Table::read(folder, &format!("{}.csv", kind.list))? {
            unread.extend(kind.check_columns(&table)?);
            tables.insert(kind.list, table);
        }
        let read = read_series(folder, &files, kind, &tables, &snapshots, &mut unread)?;
        series.insert(kind.list, read);
    }
    check_buses(folder, &tables)?;
    let (cap_kg, intensity) = cap(folder)?;
    let folder_of = Folder { tables, series, intensity, snapshots };
    let loads = folder_of.each("loads", Folder::load)?;
    let generators = folder_of.each("generators", Folder::generator)?;
    let mut storages = folder_of.each("storage_units", Folder::storage_unit)?;
    storages.extend(folder_of.each("stores", Folder::store)?);
    let Snapshots { labels, objective, stores, generators: carbon } = folder_of.snapshots;
    let mut study = Study {
        name: name_of(network.as_ref(), folder),
        interval_h: stores,
        labels,
        cost_repeats: objective / stores,
        carbon_repeats: carbon / stores,
        loads,
        generators,
        storages,
        tie: None,
        reserve_w: None,
        shiftable: Vec::new(),
        carbon_cap_kg: cap_kg,
        interval_caps: None,
    };
    distinguish(&mut study);
    study.check()?;
    Ok(Imported { study, unread })
}

fn list(folder: &Path) -> Result<BTreeSet<String>, StudyError> {
    let failed = |source| StudyError::File { action: "read", path: folder.to_owned(), source };
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        files.insert(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    if files.contains("buses.csv") {
        return Ok(files);
    }
    let place = Place { file: "buses.csv".to_owned(), column: None, component: None };
    Err(StudyError::Table {
        place,
        message: format!("is not in {}: not a folder that PyPSA exported", folder.display()),
    })
}

fn refuse_foreign(folder: &Path) -> Result<(), StudyError> {
    for (list, what) in FOREIGN {
        let Some(table) = Table::read(folder, &format!("{list}.csv"))? else { continue };
        if let Some(component) = table.components().next() {
            let place = Place {
                file: table.file.clone(),
                column: table.columns.first().cloned(),
                component: Some(component.name().to_owned()),
            };
            return Err(StudyError::Unsupported { place, what: what.to_owned() });
        }
    }
    Ok(())
}

fn name_of(network: Option<&Table>, folder: &Path) -> String {
    let named = network.and_then(|table| table.components().next()).map(|row| row.name());
    let fallback = || folder.file_name().map(|name| name.to_string_lossy().into_owned());
    named
        .filter(|name| !is_empty(name))
        .map(str::to_owned)
        .or_else(fallback)
        .unwrap_or_else(|| "pypsa".to_owned())
}

fn snapshots(folder: &Path) -> Result<Snapshots, StudyError> {
    let missing = || StudyError::Table {
        place: Place { file: "snapshots.csv".to_owned(), column: None, component: None },
        message: "is missing or has no rows".to_owned(),
    };
    let table = Table::read(folder, "snapshots.csv")?.ok_or_else(missing)?;
    let first = table.components().next().ok_or_else(missing)?;
    if table.column("period").is_some() {
        return Err(first.unsupported("period", "an investment period"));
    }
    let label = ["snapshot", "name"].iter().find(|name| table.column(name).is_some());
    let labels = table
        .components()
        .map(|row| label.and_then(|column| row.text(column)).unwrap_or(row.name()).to_owned())
        .collect();
    let weighting = |column: &str| {
        // Older versions have one column for all three.
        let column = if table.column(column).is_none() { "weightings" } else { column };
        let of_first = first.number(column, 1.0)?;
        for row in table.components() {
            let other = row.number(column, 1.0)?;
            if (other - of_first).abs() > 1e-12 * of_first.abs() {
                let what = format!("a weighting of {other} beside one of {of_first}");
                return Err(row.unsupported(column, what));
            }
        }
        if of_first.is_finite() && of_first > 0.0 {
            Ok(of_first)
        } else {
            Err(first.wrong(column, format!("a weighting of {of_first} must be above 0")))
        }
    };
    Ok(Snapshots {
        labels,
        objective: weighting("objective")?,
        stores: weighting("stores")?,
        generators: weighting("generators")?,
    })
}

fn read_series(
    folder: &Path,
    files: &BTreeSet<String>,
    kind: Kind,
    tables: &BTreeMap<&'static str, Table>,
    snapshots: &Snapshots,
    unread: &mut Vec<String>,
) -> Result<SeriesOf, StudyError> {
    let mut all = SeriesOf::new();
    let prefix = format!("{}-", kind.list);
    for file in files {
        let attribute =
            file.strip_prefix(&prefix).and_then(|attribute| attribute.strip_suffix(".csv"));
        let Some(attribute) = attribute else { continue };
        let Some(table) = Table::read(folder, file)? else { continue };
        unread.extend(kind.check_series(attribute, &table)?);
        if !kind.series.contains(&attribute) {
            continue;
        }
        let wrong = |column: Option<&str>, message: String| StudyError::Table {
            place: Place {
                file: file.clone(),
                column: column.map(str::to_owned),
                component: column.map(str::to_owned),
            },
            message,
        };
        if table.rows.len() != snapshots.labels.len() {
            let message =
                format!("{} rows for {} snapshots", table.rows.len(), snapshots.labels.len());
            return Err(wrong(None, message));
        }
        let known = |name: &str| {
            tables
                .get(kind.list)
                .is_some_and(|table| table.components().any(|row| row.name() == name))
        };
        let mut of = BTreeMap::new();
        for (position, name) in table.columns.iter().enumerate().skip(1) {
            if name == "snapshot" || name == "timestep" {
                continue;
            }
            if !known(name) {
                let message = format!("no such component in {}.csv", kind.list);
                return Err(wrong(Some(name), message));
            }
            let cell = |row: &Vec<String>| match row.get(position).map_or("", String::as_str) {
                text if is_empty(text) => Ok(None),
                text => number(text).map(Some).ok_or_else(|| wrong(Some(name), not_a_number(text))),
            };
            let values = table.rows.iter().map(cell).collect::<Result<Vec<_>, _>>()?;
            of.insert(name.clone(), values);
        }
        all.insert(attribute.to_owned(), of);
    }
    Ok(all)
}

/// Everything must stand on one bus.
fn check_buses(folder: &Path, tables: &BTreeMap<&'static str, Table>) -> Result<(), StudyError> {
    let buses = Table::read(folder, "buses.csv")?;
    let buses: BTreeSet<&str> =
        buses.iter().flat_map(Table::components).map(|bus| bus.name()).collect();
    let mut first: Option<(&str, &str)> = None;
    for component in tables.values().flat_map(Table::components) {
        let bus = component.text("bus").ok_or_else(|| component.wrong("bus", "is empty"))?;
        if !buses.contains(bus) {
            return Err(component.wrong("bus", format!("`{bus}` is not in buses.csv")));
        }
        match first {
            Some((other, at)) if other != bus => {
                let what = format!("bus `{bus}` beside `{other}` of `{at}`: a second bus");
                return Err(component.unsupported("bus", what));
            }
            _ => first = Some((bus, component.name())),
        }
    }
    Ok(())
}

/// The cap in kg, and each carrier's kg per kWh of primary energy.
fn cap(folder: &Path) -> Result<(Option<f64>, BTreeMap<String, f64>), StudyError> {
    let carriers = Table::read(folder, "carriers.csv")?;
    let intensities = |attribute: &str| -> Result<BTreeMap<String, f64>, StudyError> {
        let rows = carriers.iter().flat_map(Table::components);
        rows.map(|row| Ok((row.name().to_owned(), row.number(attribute, 0.0)?))).collect()
    };
    let table = Table::read(folder, "global_constraints.csv")?;
    let mut rows = table.iter().flat_map(Table::components);
    let Some(row) = rows.next() else { return Ok((None, intensities("co2_emissions")?)) };
    if let Some(second) = rows.next() {
        return Err(second.unsupported("type", "a second global constraint"));
    }
    check_constraint(row)?;
    let attribute = row.text("carrier_attribute").unwrap_or("co2_emissions");
    if carriers.as_ref().is_none_or(|carriers| carriers.column(attribute).is_none()) {
        let message = format!("carriers.csv has no column `{attribute}`");
        return Err(row.wrong("carrier_attribute", message));
    }
    let intensity = intensities(attribute)?;
    if let Some((carrier, value)) = intensity.iter().find(|(_, value)| **value < 0.0) {
        let what = format!("{attribute} = {value} of carrier `{carrier}`, below 0,");
        return Err(row.unsupported("carrier_attribute", what));
    }
    // Tonnes; carriers are in tonnes per MWh, which is kg per kWh.
    Ok((Some(row.number("constant", 0.0)? * 1e3), intensity))
}

fn check_constraint(row: Component<'_>) -> Result<(), StudyError> {
    let kind = row.text("type").unwrap_or("primary_energy");
    if kind != "primary_energy" {
        return Err(row.unsupported("type", format!("a constraint of type `{kind}`")));
    }
    let sense = row.text("sense").unwrap_or("==");
    if !matches!(sense, "<=" | "<") {
        return Err(row.unsupported("sense", format!("sense `{sense}`")));
    }
    for column in ["bus", "investment_period"] {
        if let Some(text) = row.text(column) {
            return Err(row.unsupported(column, format!("{column} = {text}")));
        }
    }
    Ok(())
}

impl Folder {
    fn each<T>(
        &self,
        list: &'static str,
        read: impl Fn(&Self, Component<'_>) -> Result<T, StudyError>,
    ) -> Result<Vec<T>, StudyError> {
        self.tables
            .get(list)
            .into_iter()
            .flat_map(Table::components)
            .map(|row| read(self, row))
            .collect()
    }

    /// The series of a component where there is one, the static value elsewhere.
    fn values(
        &self,
        list: &'static str,
        component: Component<'_>,
        attribute: &str,
        default: f64,
    ) -> Result<Vec<f64>, StudyError> {
        let fixed = component.number(attribute, default)?;
        let series = self.series.get(list).and_then(|series| series.get(attribute));
        Ok(match series.and_then(|series| series.get(component.name())) {
            Some(values) => values.iter().map(|value| value.unwrap_or(fixed)).collect(),
            None => vec![fixed; self.snapshots.labels.len()],
        })
    }
}

impl Folder {
    /// A component's series as it stands: nothing where a cell is empty or there is none.
    fn prescribed(
        &self,
        list: &'static str,
        component: Component<'_>,
        attribute: &str,
    ) -> Option<&Vec<Option<f64>>> {
        let values = self.series.get(list)?.get(attribute)?.get(component.name())?;
        values.iter().any(Option::is_some).then_some(values)
    }
}

/// Loads, generators and stores may share names in PyPSA, not in a study: what repeats gets its kind before it.
fn distinguish(study: &mut Study) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let names = (study.loads.iter().map(|load| &load.name))
        .chain(study.generators.iter().map(|generator| &generator.name))
        .chain(study.storages.iter().map(|storage| &storage.name));
    for name in names {
        *count.entry(name.clone()).or_default() += 1;
    }
    let rename = |kind: &str, name: &mut String| {
        if count.get(name.as_str()).is_some_and(|count| *count > 1) {
            *name = format!("{kind} {name}");
        }
    };
    study.loads.iter_mut().for_each(|load| rename("load", &mut load.name));
    study.generators.iter_mut().for_each(|generator| rename("generator", &mut generator.name));
    study.storages.iter_mut().for_each(|storage| rename("storage", &mut storage.name));
}
