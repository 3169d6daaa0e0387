//! What is wrong with a configuration, and where.

use std::{
    borrow::Cow,
    error::Error as StdError,
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    string::FromUtf8Error,
};

use cache_core::{Error, ErrorKind};
use toml::de::DeTable;

/// A configuration that cannot be used: what is wrong, where, and what would be right.
///
/// ```
/// use warmstart::Config;
///
/// let error = Config::from_str("[startup.lazy_imports]\nenabled = 'yes'").unwrap_err();
/// assert_eq!((error.line(), error.column(), error.key()), (2, 11, Some("startup.lazy_imports.enabled")));
/// assert_eq!(error.message(), "invalid type: string \"yes\", expected a boolean");
/// assert_eq!(error.to_string(), format!("2:11: {}: {}", error.key().unwrap(), error.message()));
/// assert_eq!(format!("{error:?}"), error.to_string(), "so that `main` shows it");
/// ```
pub struct ConfigError {
    file: Option<PathBuf>,
    place: Option<Place>,
    message: String,
    source: Option<io::Error>,
}

#[derive(Debug)]
struct Place {
    line: usize,
    column: usize,
    key: Option<String>,
}

/// What `main` shows: as [`Display`](fmt::Display) does.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ConfigError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { file: None, place: None, message: message.into(), source: None }
    }

    pub(super) fn unreadable(error: io::Error) -> Self {
        Self { source: Some(error), ..Self::new("the file cannot be read") }
    }

    pub(super) fn not_utf8(error: FromUtf8Error) -> Self {
        let end = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..end]);
        let key = holder(&text, &(end..end)).map(|held| held.key);
        Self::at(&text, end, key, "not UTF-8 from here on")
    }

    /// The text is not TOML.
    pub(super) fn of_syntax(text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or_default();
        let before = &text[..text.floor_char_boundary(span.end)];
        let is_second = error.message() == "duplicate key" || error.message().starts_with("cannot extend");
        let second = if is_second { second(text, &span) } else { None };
        let key = second.or_else(|| holder(before, &span).map(|held| held.key));
        Self::at(text, span.start, key, error.message())
    }

    /// The text is TOML, but a key or value in it is not right.
    pub(super) fn of_value(text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or_default();
        let key = holder(text, &span).map(|held| held.key);
        Self::at(text, span.start, key, error.message())
    }

    /// A category is not right, though each value of it is.
    pub(super) fn of_category(text: &str, name: &str, error: &Error) -> Self {
        let key = path("categories", &quoted(name));
        let start = spans(text).into_iter().find(|span| span.key == key).map_or(0, |span| span.range.start);
        Self::at(text, start, Some(key), &error.kind().to_string())
    }

    fn at(text: &str, start: usize, key: Option<String>, message: &str) -> Self {
        let before = &text[..text.floor_char_boundary(start)];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Self { place: Some(Place { line, column, key }), ..Self::new(shortened(message)) }
    }

    /// With the file that it is about.
    pub(super) fn in_file(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    /// The file, if it was one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, from 1; 1 if the error is about the whole.
    pub fn line(&self) -> usize {
        self.place.as_ref().map_or(1, |place| place.line)
    }

    /// The column in characters, from 1; 1 if the error is about the whole.
    pub fn column(&self) -> usize {
        self.place.as_ref().map_or(1, |place| place.column)
    }

    /// The key or section that the error is about, from the root and with dots, if it is about one.
    pub fn key(&self) -> Option<&str> {
        self.place.as_ref()?.key.as_deref()
    }

    /// What is wrong, and what would be right.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let Some(Place { line, column, .. }) = &self.place {
            write!(f, "{line}:{column}:")?;
        }
        if self.file.is_some() || self.place.is_some() {
            f.write_str(" ")?;
        }
        if let Some(key) = self.key() {
            write!(f, "{}: ", shortened(key))?;
        }
        f.write_str(&self.message)?;
        match &self.source {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

impl StdError for ConfigError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// For functions that open a cache and return its error.
impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::InvalidOption(error.to_string())).caused_by(error)
    }
}

/// Where a key, or what it stands for, is in the text.
struct Span {
    range: Range<usize>,
    key: String,
    /// Whether what follows, up to the next section, belongs to the key.
    section: bool,
}

/// The key whose name or value holds the place `at`, or else the section that it is in.
fn holder(text: &str, at: &Range<usize>) -> Option<Span> {
    let (holding, mut before): (Vec<_>, Vec<_>) =
        spans(text).into_iter().partition(|span| span.range.start <= at.start && at.end <= span.range.end);
    before.retain(|span| span.section && span.range.start <= at.start);
    let closest = holding.into_iter().min_by_key(|span| span.range.len());
    closest.or_else(|| before.into_iter().max_by_key(|span| span.range.start))
}

/// The key at the place `at`, which has a name that was there before. The parser keeps the first one only, and so
/// has to find this one under a name that is longer than any other.
fn second(text: &str, at: &Range<usize>) -> Option<String> {
    let name = text.get(at.clone())?.trim_matches(['"', '\'']);
    let longest = "_".repeat(text.len() + 1);
    let text = [&text[..at.start], &longest, &text[at.end..]].concat();
    let found = holder(&text, &(at.start..at.start + longest.len()))?.key;
    Some(found.strip_suffix(&longest)?.to_owned() + &quoted(name))
}

/// All that the parser makes of the text, also if that is not TOML all through.
fn spans(text: &str) -> Vec<Span> {
    fn gather(text: &str, table: &DeTable<'_>, parent: &str, spans: &mut Vec<Span>) {
        for (name, value) in table {
            let key = path(parent, &quoted(name.get_ref()));
            let inner = value.get_ref().as_table();
            let section = inner.is_some() && text.as_bytes().get(value.span().start) == Some(&b'[');
            for range in [name.span(), value.span()] {
                spans.push(Span { range, key: key.clone(), section });
            }
            if let Some(inner) = inner {
                gather(text, inner, &key, spans);
            }
        }
    }
    let mut spans = Vec::new();
    gather(text, DeTable::parse_recoverable(text).0.get_ref(), "", &mut spans);
    spans
}

/// A text without its middle, where it is longer than anybody reads. What was expected stands at the end.
fn shortened(text: &str) -> Cow<'_, str> {
    const HALF: usize = 300;
    if text.len() <= 2 * HALF {
        return text.into();
    }
    let (start, end) = (text.floor_char_boundary(HALF), text.ceil_char_boundary(text.len() - HALF));
    format!("{}...{}", &text[..start], &text[end..]).into()
}

fn path(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// A name as it has to be written.
fn quoted(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { format!("{name:?}") }
}
