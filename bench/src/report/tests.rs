use serde_json::Value;

use super::Report;
use crate::row::{Row, Unit};

fn row(group: &str, case: &str, subject: &str, unit: Unit, median: f64) -> Row {
    Row {
        group: group.to_owned(),
        case: case.to_owned(),
        subject: subject.to_owned(),
        threads: 1,
        unit,
        median,
        p99: median * 1.5,
        min: median / 2.0,
        max: median * 2.0,
        low: median * 0.9,
        high: median * 1.1,
        ratio_to_ours: Some(1.25),
        instructions: None,
    }
}

fn report() -> Report {
    Report::new(vec![
        row("memory", "hit", "MemoryCache, <LRU>", Unit::Nanoseconds, 20.0),
        Row { instructions: Some(123.4), ..row("memory", "hit", "moka", Unit::Nanoseconds, 2_500.0) },
        Row { threads: 2, ..row("memory", "hit", "moka", Unit::Nanoseconds, 40.0) },
        row("hit-ratio", "web12 @ 100", "adaptive", Unit::PerCent, 40.0),
        row("hit-ratio", "web12 @ 100", "moka", Unit::PerCent, 39.0),
        row("hit-ratio", "web12 @ 1000", "adaptive", Unit::PerCent, 60.0),
        row("hit-ratio", "web12 @ 1000", "moka", Unit::PerCent, 61.0),
        row("hit-ratio", "one @ 10", "adaptive", Unit::PerCent, 61.0),
    ])
}

#[test]
fn json_is_the_machine_and_the_rows() -> anyhow::Result<()> {
    let json = serde_json::to_value(report())?;
    assert!(json["machine"]["processors"].is_u64());
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut all =
        ["group", "case", "subject", "threads", "unit", "median", "p99", "min", "max", "ratio_to_ours"];
    all.sort_unstable();
    assert_eq!(keys(&rows[0]), all);
    assert_eq!(rows[1]["instructions"], 123.4);
    assert_eq!((&rows[0]["unit"], &rows[3]["unit"]), (&"ns".into(), &"%".into()));
    Ok(())
}

#[test]
fn markdown_has_a_line_for_each_row() {
    let text = report().markdown();
    let line = "| hit | moka | 2.50 us | 1.25 x | 3.75 us | 1.25 us .. 5.00 us | 123 |";
    assert!(text.lines().any(|it| it == line), "{text}");
    assert!(text.contains("| hit, 2 threads | moka |"), "{text}");
}

#[test]
fn table_fits_a_terminal() {
    let table = report().table();
    let wide = table.lines().max_by_key(|line| console::measure_text_width(line)).unwrap();
    assert!(console::measure_text_width(wide) <= 110, "{wide}");
    assert!(table.contains("hit, 2 threads"), "{table}");
}

#[test]
fn plots_are_svg_and_name_all_subjects() -> anyhow::Result<()> {
    let plots = report().plots()?;
    let names: Vec<_> = plots.iter().map(|(name, _)| name.as_str()).collect();
    // One capacity makes no line.
    assert_eq!(names, ["memory.svg", "hit-ratio-web12.svg"]);
    let subjects = [["MemoryCache, <LRU>", "moka"], ["adaptive", "moka"]];
    for ((name, text), subjects) in plots.iter().zip(subjects) {
        let svg = roxmltree::Document::parse(text)?;
        assert_eq!(svg.root_element().attribute("width"), Some("850"));
        let texts: Vec<_> = svg.descendants().filter_map(|node| node.text()).map(str::trim).collect();
        for subject in subjects {
            assert!(texts.contains(&subject), "{name} does not name {subject}: {texts:?}");
        }
    }
    Ok(())
}
