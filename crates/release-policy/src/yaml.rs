//! The one module that knows which YAML crate is used. Nothing of it shows outside.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location};

use crate::error::{PolicyError, Position};
use crate::nearest::nearest;

/// A value and where it stands.
pub(crate) type At<T> = serde_saphyr::Spanned<T>;

/// Reads one document, or says what is wrong with it and where.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, PolicyError> {
    // A configuration is a page or two. These limits leave room for a hundred times that and
    // stop a document whose aliases multiply before it costs a second.
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 50_000,
        },
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| wrong(text, error.without_snippet()))
}

/// Makes an error about a value that could be read and is not acceptable.
pub(crate) fn refused<T>(text: &str, at: &At<T>, problem: String) -> PolicyError {
    config_error(text, position(at.referenced), problem, None)
}

pub(crate) fn line<T>(at: &At<T>) -> u64 {
    at.referenced.line()
}

fn wrong(text: &str, error: &Error) -> PolicyError {
    let (problem, suggestion) = in_our_words(error);
    config_error(text, error.location().and_then(position), problem, suggestion)
}

fn config_error(
    text: &str,
    at: Option<Position>,
    problem: String,
    suggestion: Option<&str>,
) -> PolicyError {
    let index = at.and_then(|at| usize::try_from(at.line - 1).ok());
    let source_line = index.and_then(|index| text.lines().nth(index)).map(str::to_owned);
    PolicyError::Config { at, problem, source_line, suggestion: suggestion.map(str::to_owned) }
}

/// A place, unless the parser does not know it.
fn position(location: Location) -> Option<Position> {
    let known = location != Location::UNKNOWN && location.line() > 0;
    known.then(|| Position { line: location.line(), column: location.column() })
}

/// The problem for somebody who writes the file, and the nearest known name.
fn in_our_words(error: &Error) -> (String, Option<&'static str>) {
    let problem = match error {
        Error::AliasError { error, .. } => return in_our_words(error.without_snippet()),
        Error::SerdeUnknownField { field, expected, .. } => {
            return (format!("unknown key `{field}`"), nearest(field, expected.iter().copied()));
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let problem = format!("`{variant}` is none of {}", expected.join(", "));
            return (problem, nearest(variant, expected.iter().copied()));
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` appears twice")
        }
        Error::DuplicateMappingKey { key: None, .. } => "a key appears twice".into(),
        Error::MultipleDocuments { .. } => {
            "a second document begins here, but there may be only one".into()
        }
        Error::UnknownAnchor { .. } => {
            "a text that begins with `*` is an alias in YAML; put a pattern into quotes".into()
        }
        Error::Unexpected { expected, .. } => match *expected {
            "mapping start" => "expected a mapping (`key: value`) here".into(),
            "sequence start" => "expected a list here".into(),
            "string scalar" => "expected a text here".into(),
            expected => format!("expected {expected} here"),
        },
        Error::NullIntoString { .. } => "expected a text here, not nothing".into(),
        Error::InvalidScalar { ty: "boolean" | "bool", .. }
        | Error::InvalidBooleanStrict { .. } => "expected `true` or `false` here".into(),
        Error::InvalidScalar { ty: "i64" | "u64", .. } => "expected a whole number here".into(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            "too deep, too long or too many aliases for a configuration".into()
        }
        other => without_place(&other.to_string()),
    };
    (problem, None)
}

/// Takes off the place that the parser puts behind its message: it is a field of ours.
fn without_place(message: &str) -> String {
    let first_line = message.lines().next().unwrap_or_default();
    let end = first_line.rfind(" at line ").unwrap_or(first_line.len());
    first_line[..end].to_owned()
}
