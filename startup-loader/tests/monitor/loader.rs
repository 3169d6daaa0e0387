use startup_loader::{
    Loader,
    monitor::{Kind, mark},
};

use crate::{labelled, seen};

#[test]
fn components_of_a_loader_are_seen_with_their_dependencies() {
    let report = seen(|| {
        let mut loader = Loader::new();
        let settings = loader.add("settings, \\all", (), |_, ()| Ok(1));
        let db = loader.add("db", (), |_, ()| Ok(2));
        let view = loader.add("view", (settings, db), |_, (settings, db)| Ok(*settings + *db));
        loader.add("chart", view, |_, _| Err::<(), _>("no ink".into()));
        loader.barrier("ui_ready", view);
        let running = loader.build().unwrap().start();
        running.run_until("ui_ready").unwrap();
        mark("ready");
        running.join();
    });
    let view = labelled(&report, "view");
    assert_eq!(
        (view.kind(), view.after()),
        (Kind::Component, vec!["settings, \\all".to_owned(), "db".to_owned()])
    );
    assert!(labelled(&report, "chart").error().unwrap().contains("no ink"));
    let path = report.critical_path(None).unwrap();
    let labels = path.steps().iter().map(|step| step.label.as_str()).collect::<Vec<_>>();
    assert!(matches!(labels[..], ["settings, \\all" | "db", "view", "chart"]), "{report}\n{path}");
}
