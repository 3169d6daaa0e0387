use std::time::Duration;

use startup_loader::monitor::{Budget, mark};
use tracing::{field, info_span};

use crate::seen;

fn a_start() -> startup_loader::monitor::Report {
    seen(|| {
        info_span!(target: "startup", "cache.open", path = "/tmp/<cache> & \"more\"").in_scope(|| ());
        info_span!(target: "startup", "component.load", name = "index", after = "", queued_us = 0)
            .in_scope(|| ());
        let view = info_span!(target: "startup", "component.load", name = "view", after = "index", queued_us = 0,
            error = field::Empty);
        view.in_scope(|| mark("first_paint"));
        mark("ready");
    })
}

#[test]
fn all_pictures_name_all_phases_and_marks() {
    let report = a_start();
    let pictures = [report.to_string(), report.waterfall(100), report.to_svg(), report.to_chrome_json()];
    for picture in pictures {
        for name in ["cache", "index", "view", "first_paint", "ready"] {
            assert!(picture.contains(name), "{name}:\n{picture}");
        }
    }
    serde_json::from_str::<serde_json::Value>(&report.to_chrome_json()).unwrap();
}

#[test]
fn critical_path_leads_through_dependencies_to_the_mark() {
    let report = a_start();
    let path = report.critical_path(Some("ready")).unwrap();
    let labels = path.steps().iter().map(|step| step.label.as_str()).collect::<Vec<_>>();
    assert_eq!(labels, ["/tmp/<cache> & \"more\"", "index", "view"]);
    let sum = path.steps().iter().map(|step| step.waited + step.queued + step.running).sum::<Duration>();
    assert_eq!(sum + path.rest(), report.mark("ready").unwrap().at());
}

#[test]
fn budget_is_asserted() {
    let report = a_start();
    let hour = Duration::from_secs(3600);
    assert!(Budget::new().total(hour).phase("index", hour).until("ready").check(&report).is_ok());
    assert!(Budget::new().total(Duration::ZERO).until("ready").check(&report).is_err());
}
