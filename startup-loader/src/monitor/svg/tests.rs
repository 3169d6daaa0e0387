use super::{super::fixture::*, *};

/// The texts of all elements; fails where tags do not match or a character should have been escaped.
fn texts(svg: &str) -> Vec<String> {
    let (mut open, mut texts) = (Vec::new(), Vec::new());
    let mut rest = svg;
    while let Some((text, after)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known)), "{text}");
        }
        if !text.trim().is_empty() {
            texts.push(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        }
        let (tag, after) = after.split_once('>').unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    texts
}

#[test]
fn phases_marks_and_the_total_are_in_the_picture() {
    let texts = texts(&draw(&a_start()));
    for text in
        ["Start-up: 190 ms", "view 30.0 ms", "ready 145 ms", "worker 2", "plotter 10.0 ms failed", "20 ms"]
    {
        assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
    }
}

#[test]
fn names_of_all_sorts_are_escaped() {
    let odd = "</text><script>&\"'\u{0}\u{1b}\u{ffff}\n";
    let picture = draw(&report(vec![component(odd, odd, 1, 2, "", 0)], vec![mark(odd, 1)]));
    assert!(texts(&picture).iter().any(|text| text.starts_with("</text><script>&\"'")));
    assert!(!picture.contains(['\u{0}', '\u{1b}', '\u{ffff}']));
}

#[test]
fn labels_do_not_lie_on_each_other() {
    let start = a_start();
    let scale = Scale { total: start.total().as_secs_f64() };
    let many = (0..20).map(|i| mark("a mark of some length", 100 + i)).collect();
    let (labels, height) = marks(&report(start.phases().to_vec(), many), &scale);
    let (_, bars, bottom) = layout(&start, &scale, 0.0);
    let places = |x: f64, y: f64, text: &str| (x, x + width(text), y);
    let labels = labels.iter().map(|label| places(label.text_x, label.y, &label.label)).collect::<Vec<_>>();
    for Bar { x, end, text_x, label, .. } in &bars {
        assert!(
            text_x >= end || (text_x >= x && text_x + width(label) <= *end),
            "{label} is half in its bar"
        );
    }
    let bars = bars
        .iter()
        .map(|bar| (bar.ready, bar.end.max(bar.text_x + width(&bar.label)), bar.y))
        .collect::<Vec<_>>();
    for places in [labels, bars] {
        for (i, a) in places.iter().enumerate() {
            let apart = |b: &(f64, f64, f64)| (a.2 - b.2).abs() > 10.0 || a.1 <= b.0 || b.1 <= a.0;
            assert!(places[i + 1..].iter().all(apart), "{places:?}");
        }
    }
    assert!(height > 15.0 && bottom > 100.0);
}

#[test]
fn nothing_is_a_picture_too() {
    texts(&draw(&report(vec![], vec![])));
    texts(&draw(&report(vec![component("a", "main", 0, 0, "", 0)], vec![mark("b", 0)])));
}
