//! Text on its way to a person.

use std::{
    fmt,
    io::{Write, stderr},
    sync::OnceLock,
};

use console::{Alignment, Term, pad_str, truncate_str};

/// Who takes notes while the terminal is not to be written to.
static LISTENER: OnceLock<Box<dyn Fn(String) + Send + Sync>> = OnceLock::new();

/// Says something on the side that does not keep the report from being right.
pub(crate) fn note(text: impl fmt::Display) {
    match LISTENER.get() {
        Some(listener) => listener(text.to_string()),
        None => say(format_args!("note: {text}")),
    }
}

/// Has all notes from now on go to `listener`.
pub(crate) fn listen(listener: impl Fn(String) + Send + Sync + 'static) {
    // The first one stays, and there is no other.
    let _ = LISTENER.set(Box::new(listener));
}

/// Says something on standard error, under the program's name.
pub(crate) fn say(text: impl fmt::Display) {
    let lines: Vec<_> = text.to_string().lines().map(|line| printable(line.trim())).collect();
    // Nobody can be told that nobody can be told.
    let _ = writeln!(stderr(), "gitweek: {}", lines.join("\n  "));
}

/// How many columns the terminal has. Into a file or a pipe, no text is cut.
pub(crate) fn columns() -> usize {
    let terminal = Term::stdout();
    usize::from(if terminal.is_term() { terminal.size().1 } else { u16::MAX })
}

/// The text without characters that act on the terminal: whoever commits to a repository must not be able to
/// clear a reader's screen, or to make a line read backwards.
pub(crate) fn printable(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for a text of several lines.
pub(crate) fn one_line(text: &str) -> String {
    printable(&text.lines().map(str::trim).collect::<Vec<_>>().join(" "))
}

/// The text in exactly so many columns, cut or filled up.
pub(crate) fn cell(text: &str, columns: usize) -> String {
    pad_str(&printable(text), columns, Alignment::Left, Some("…")).into_owned()
}

/// The text in at most so many columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    truncate_str(&printable(text), columns, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_act_on_the_terminal() {
        assert_eq!(printable("a\x1b[2J\r\u{9b}1m\u{202e}b\tc"), "a�[2J��1m�b�c");
        assert_eq!(printable("käse 🧀 日本"), "käse 🧀 日本");
    }

    #[test]
    fn width_is_that_of_the_screen() {
        assert_eq!(cell("日本語", 5), "日本…");
        assert_eq!(cell("ab", 4), "ab  ");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("ab", 4), "ab");
    }
}
