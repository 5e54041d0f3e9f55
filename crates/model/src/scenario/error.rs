//! Why a scenario file is refused, shown at the place.

use core::fmt;
use std::ops::Range;

/// A refusal with its place in the text.
///
/// `Display` gives message, line and column, the line with carets under the culprit, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    message: String,
    place: Option<Place>,
    help: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    text: String,
    width: usize,
}

impl ScenarioError {
    /// A refusal of what stands at `span` of `source`.
    pub(crate) fn at(source: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Some(Place::of(source, &span)), help: Vec::new() }
    }

    /// A refusal of the file as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, help: Vec::new() }
    }

    /// Adds a line that says what would be right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Wraps a parser's refusal; an unknown key gets the list of allowed ones and a hint at a forgotten unit.
    pub(crate) fn of_toml(source: &str, error: &toml::de::Error) -> Self {
        let message = error.message();
        let base = |message: String| match error.span() {
            Some(span) => Self::at(source, span, message),
            None => Self::whole(message),
        };
        let Some(rest) = message.strip_prefix("unknown field `") else {
            return base(message.to_owned());
        };
        let mut quoted = rest.split('`').step_by(2);
        let key = quoted.next().unwrap_or_default();
        let allowed: Vec<&str> = quoted.filter(|name| !name.is_empty()).collect();
        let mut refusal = base(format!("unknown key `{key}`"));
        let with_unit: Vec<&str> =
            allowed.iter().copied().filter(|name| is_with_unit(name, key)).collect();
        if !with_unit.is_empty() {
            refusal = refusal.help(format!(
                "a quantity has its unit in its key: write {}",
                listed(&with_unit, " or ")
            ));
        }
        refusal.help(format!("allowed here: {}", listed(&allowed, ", ")))
    }

    /// Line, counted from 1, where there is one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }

    /// Column in characters, counted from 1, where there is one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.column)
    }
}

/// `power_max_w` is `power_max` with a unit.
fn is_with_unit(name: &str, key: &str) -> bool {
    name.strip_prefix(key).is_some_and(|unit| unit.starts_with('_'))
}

fn listed(names: &[&str], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

impl Place {
    fn of(source: &str, span: &Range<usize>) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        let text = source
            .get(line_start..)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
        let inside =
            source.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        Self { line, column, text, width: inside.chars().count().max(1) }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Place { line, column, text, width }) = &self.place else {
            f.write_str(&self.message)?;
            return self.help.iter().try_for_each(|help| write!(f, "\n= {help}"));
        };
        let margin = " ".repeat(line.to_string().len());
        let indent = " ".repeat(column.saturating_sub(1));
        writeln!(f, "line {line}, column {column}: {}", self.message)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {text}")?;
        write!(f, "{margin} | {indent}{}", "^".repeat(*width))?;
        self.help.iter().try_for_each(|help| write!(f, "\n{margin} = {help}"))
    }
}

impl core::error::Error for ScenarioError {}
