use std::time::Duration;

/// Three digits or so, with a unit.
pub(super) fn millis(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..10_000 => format!("{:.2} ms", time.as_secs_f64() * 1e3),
        10_000..100_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        100_000..10_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// On one line, and without what would steer a terminal or is no character of XML.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c };
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ").chars().map(shown).collect()
}

/// So many characters at most.
pub(super) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_about_three_digits() {
        let texts = [0, 999, 1_000, 12_345, 123_456, 12_345_678].map(|us| millis(Duration::from_micros(us)));
        assert_eq!(texts, ["0 us", "999 us", "1.00 ms", "12.3 ms", "123 ms", "12.3 s"]);
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(plain("a\x1b[31m\r\n  b\u{9b}"), "a\u{fffd}[31m b\u{fffd}");
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
