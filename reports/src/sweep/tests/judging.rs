//! What counts, what may be put side by side, and what chance could have done.

use super::*;
use crate::schema::{Reference, Setting, Steadiness, Steady};
use crate::sweep::chance::Doubt;

fn steady(state: Steadiness, cut_s: f64) -> Steady {
    Steady { cut_s, ..crate::testing::steady(state) }
}

/// The first row's runs of a mode.
fn runs(sweep: &mut SweepFile, cell: usize, mode: Mode) -> Vec<&mut Run> {
    let result = sweep.cells[cell].result.as_mut().expect("a result");
    let runs = &mut result.workloads[0].rows[0].runs;
    runs.iter_mut().filter(|run| run.mode == mode).collect()
}

fn allow_mixed(sweep: &mut SweepFile) {
    let (name, value) = ("allow-mixed".to_owned(), "on".to_owned());
    sweep.settings.push(Setting { name, value, origin: "flag".to_owned() });
}

/// `topology` in the first cell, at saturation and at its rate: so many of its three rounds never settle.
#[test]
fn rounds_that_never_settled_are_in_no_figure() {
    use Mode::{Paced, Saturation};
    for (mode, never, state, note) in [
        (Saturation, 0, State::Ok, None),
        (Saturation, 1, State::Ok, Some("never settled in 1 of 3 rounds at saturation")),
        (Saturation, 3, State::NeverSettled, Some("never settled at saturation, so its numbers")),
        (Paced, 2, State::Ok, Some("never settled in 2 of 3 rounds at 10 k lines/s")),
        (Paced, 3, State::NeverSettled, Some("never settled at 10 k lines/s, so its numbers")),
    ] {
        let mut sweep = over_interval_and_parallelism();
        for run in runs(&mut sweep, 0, mode).into_iter().take(never) {
            run.steady = Some(steady(Steadiness::StillChanging, 0.4));
            // A number that shows wherever it is taken in.
            run.achieved_per_s = 7e12;
        }
        let curves = Curves::of(&sweep);
        let row = &curves.cells[0].rows[0];
        let what = format!("{mode:?} {never}");
        assert_eq!(row.state, state, "{what}");
        let load = |point: &&Point| (point.load.is_none()) == (mode == Saturation);
        let point = row.points.iter().find(load).expect("a point");
        assert_eq!(point.rounds, 3 - never, "{what}");
        assert_eq!(point.per_s.map_or(0, |per_s| per_s.rounds), 3 - never, "{what}");
        let shown = render(&curves, 400, Colour::Plain) + &csv(&curves);
        let page = html(&curves, &charts(&curves).expect("charts"));
        assert!(!shown.contains("7000000000000") && !shown.contains("7.00 T"), "{what}: {shown}");
        let told = Findings::of(&curves).settling.join("\n");
        assert_eq!(told.contains("never settled"), note.is_some(), "{what}: {told}");
        if let Some(part) = note {
            assert!(shown.contains(part) && page.contains(part), "{what}: {shown}");
        }
        let lines = table(&curves);
        let unsettled = lines.iter().filter(|line| line["verdict"] == "never settled").count();
        assert_eq!(unsettled, usize::from(never == 3), "{what}");
        assert_eq!(shown.matches("-  never settled").count(), unsettled, "{what}: {shown}");
        let drawn = charts(&curves).expect("charts");
        let name = "sweep-throughput-by-parallelism-batch-interval-10ms.svg";
        let chart = drawn.iter().find(|chart| chart.file_name == name).expect(name);
        let gone = usize::from(mode == Saturation && never == 3);
        assert_eq!(marks(&chart.svg), 2 - gone, "{what}: one of three cells is INVALID");
    }
}

#[test]
fn a_row_near_the_null_engine_is_generator_bound() {
    for (null_per_s, bound) in [(1e12, false), (1.0, true)] {
        let mut sweep = over_interval_and_parallelism();
        // What is said of one load is said whatever there is to say of another.
        for cell in 1..sweep.cells.len() {
            runs(&mut sweep, cell, Mode::Paced)
                .into_iter()
                .for_each(|run| run.sustained = Some(false));
        }
        for result in sweep.cells.iter_mut().filter_map(|cell| cell.result.as_mut()) {
            let null = result.workloads[0].null.as_mut().expect("null");
            null.records_per_s = vec![null_per_s];
        }
        let curves = Curves::of(&sweep);
        assert_eq!(curves.cells[0].rows[0].state == State::GeneratorBound, bound);
        let lines = table(&curves);
        let marked: Vec<_> = lines.iter().filter(|line| line["verdict"] == "gen-bound").collect();
        assert!(marked.iter().all(|line| line["load"] == "max"), "of throughput alone: {marked:?}");
        assert_eq!(!marked.is_empty(), bound);
        let shown = render(&curves, 400, Colour::Plain);
        assert_eq!(shown.contains("gen-bound: above 70 %"), bound, "{shown}");
    }
}

#[test]
fn what_was_cut_and_what_was_too_short_is_said() {
    let mut sweep = over_interval_and_parallelism();
    for (run, cut_s) in runs(&mut sweep, 0, Mode::Saturation).into_iter().zip([0.0, 0.12, 0.2]) {
        run.steady = Some(steady(Steadiness::Settled, cut_s));
    }
    runs(&mut sweep, 0, Mode::Paced)[0].steady = Some(steady(Steadiness::TooShort, 0.0));
    let told = Findings::of(&Curves::of(&sweep)).settling;
    let [short, cut] = told.as_slice() else { panic!("{told:?}") };
    assert!(short.starts_with("rounds of 1 of 22 lines of the tables were too short"), "{short}");
    assert!(cut.starts_with("cell-10ms_1: topology at saturation: cut up to 200 ms"), "{cut}");
    // More than anyone reads on a terminal.
    for cell in 0..6 {
        for mode in [Mode::Saturation, Mode::Paced] {
            let result = sweep.cells[cell].result.as_mut().expect("a result");
            for run in result.workloads[0].rows.iter_mut().flat_map(|row| &mut row.runs) {
                if run.mode == mode {
                    run.steady = Some(steady(Steadiness::Settled, 0.1));
                }
            }
        }
    }
    let curves = Curves::of(&sweep);
    let (shown, page) = (render(&curves, 200, Colour::Plain), html(&curves, &[]));
    assert_eq!(shown.matches(": cut up to").count(), 20, "{shown}");
    assert!(shown.contains("and 2 more of the last kind"), "{shown}");
    assert_eq!(page.matches(": cut up to").count(), 22);
}

#[test]
fn the_loop_has_to_settle_too() {
    let mut sweep = over_interval_and_parallelism();
    let result = sweep.cells[0].result.as_mut().expect("a result");
    let mut run = result.workloads[0].rows[0].runs[0].clone();
    (run.mode, run.steady) = (Mode::Saturation, Some(steady(Steadiness::Drifting, 0.0)));
    let cost = result.workloads[0].cost.as_mut().expect("a loop");
    *cost = Reference { records_per_s: Vec::new(), latency: None, runs: vec![run.clone(), run] };
    let curves = Curves::of(&sweep);
    assert_eq!(curves.cells[0].cost, None);
    let told = Findings::of(&curves).settling;
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("cell-10ms_1: the COST loop never settled at saturation"));
}

#[test]
fn rows_of_different_semantics_share_no_panel_unasked() {
    let mut sweep = over_interval_and_parallelism();
    let labels = |svg: &str| -> Vec<String> {
        texts(svg).into_iter().filter(|text| text.contains(" once, ")).collect()
    };
    let of = |sweep: &SweepFile, name: &str| {
        let drawn = charts(&Curves::of(sweep)).expect("charts");
        let chart = drawn.into_iter().find(|chart| chart.file_name == name).expect("drawn");
        chart.svg
    };
    let name = "sweep-throughput-by-parallelism-batch-interval-100ms.svg";
    let topology = "at least once, acking on, checkpointing off, untimed";
    let microbatch = "exactly once, checkpointing off, untimed";
    let apart = of(&sweep, name);
    assert_eq!(labels(&apart), [topology, microbatch]);
    assert_eq!(apart.matches("<svg").count(), 3, "two drawings on one sheet");
    assert!(apart.contains("--allow-mixed"));
    let curves = Curves::of(&sweep);
    let (shown, page) = (render(&curves, 200, Colour::Plain), html(&curves, &[]));
    for (row, label) in [("topology", topology), ("microbatch", microbatch)] {
        assert!(shown.contains(&format!("  {row}: {label}\n")), "{shown}");
        assert!(page.contains(label));
        let lines = table(&curves);
        let mut of_row = lines.iter().filter(|line| line["row"].starts_with(row)).peekable();
        assert!(of_row.peek().is_some() && of_row.all(|line| line["semantics"] == label));
    }
    allow_mixed(&mut sweep);
    let mixed = of(&sweep, name);
    assert_eq!(mixed.matches("<svg").count(), 2, "one drawing, with a note");
    assert!(labels(&mixed).concat().starts_with("Mixed: the rows do different work."));
}

/// What a row guarantees may be what is varied: its line in the tables then has two labels.
#[test]
fn a_varied_guarantee_has_a_table_for_each_value() {
    let cells = ["on", "off"].map(|acking| {
        let mut result = result(10e3, 100.0, 1);
        let row = &mut result.workloads[0].rows[0];
        if acking == "off" {
            (row.id, row.acking) = ("topology no-ack".to_owned(), Some(false));
            row.guarantee = "at most once".to_owned();
        }
        cell(&[acking], Some(result))
    });
    let axes = vec![axis("acking", Unit::Word, &[("on", None), ("off", None)])];
    let curves = Curves::of(&sweep(axes, cells.into()));
    assert_eq!(curves.series.len(), 2);
    let shown = render(&curves, 200, Colour::Plain);
    for heading in ["topology: at least once, acking on", "topology: at most once, acking off"] {
        assert_eq!(shown.matches(heading).count(), 1, "{shown}");
    }
}

fn keep_rounds(sweep: &mut SweepFile, rounds: u32) {
    for cell in &mut sweep.cells {
        let Some(result) = &mut cell.result else { continue };
        let workload = &mut result.workloads[0];
        for row in &mut workload.rows {
            let first: Vec<Run> = row.runs.iter().filter(|run| run.round == 1).cloned().collect();
            let again =
                |run: &Run| (1..=rounds).map(|round| Run { round, ..run.clone() }).collect();
            row.runs = first.iter().flat_map(|run| -> Vec<Run> { again(run) }).collect();
        }
        if let Some(cost) = &mut workload.cost {
            cost.records_per_s = vec![1.5e6; rounds as usize];
        }
    }
}

#[test]
fn few_rounds_are_said_to_leave_room_for_chance() {
    for (rounds, caveat, sure) in [
        (1, Some("(by 1 round: chance is not ruled out; 4 rounds or more"), "without intervals"),
        (2, Some("(by 2 rounds: chance is not ruled out; 4 rounds or more"), "50 % (2 rounds)"),
        (3, Some("(by 3 rounds: chance is not ruled out; 4 rounds or more"), "75 % (3 rounds)"),
        (4, None, "88 % (4 rounds)"),
        (6, None, "97 % (6 rounds)"),
    ] {
        for mut sweep in [over_rate(), over_interval_and_parallelism()] {
            keep_rounds(&mut sweep, rounds);
            let curves = Curves::of(&sweep);
            let found = Findings::of(&curves);
            let sentences: Vec<String> =
                found.crossovers.into_iter().chain(found.against_loop).collect();
            assert!(!sentences.is_empty());
            for sentence in sentences {
                match caveat {
                    Some(part) => assert!(sentence.contains(part), "{rounds}: {sentence}"),
                    None => assert!(!sentence.contains("chance"), "{rounds}: {sentence}"),
                }
            }
            for text in [render(&curves, 1000, Colour::Plain), html(&curves, &[])] {
                assert!(text.contains(sure) && !text.contains("95 %"), "{rounds}: {text}");
            }
            let about = if rounds == 1 { "single rounds" } else { "bars: interval, " };
            let drawn = charts(&curves).expect("charts");
            assert!(drawn.iter().all(|chart| chart.svg.contains(about)), "{rounds}");
            let cut = |chart: &SweepChart| texts(&chart.svg).iter().any(|text| text.ends_with('~'));
            assert!(!drawn.iter().any(cut), "a caption is cut off");
        }
    }
}

#[test]
fn a_lead_by_some_rounds_that_kept_up_is_in_doubt() {
    let mut sweep = over_rate();
    keep_rounds(&mut sweep, 4);
    let doubt = |sweep: &SweepFile| crossover::crossovers(&Curves::of(sweep))[0].doubt;
    assert_eq!(doubt(&sweep), None);
    // It fell behind in every round of 1M but this one.
    runs(&mut sweep, 3, Mode::Paced)[0].sustained = Some(true);
    assert_eq!(doubt(&sweep), Some(Doubt::Divided));
}

#[test]
fn runs_too_short_to_say_whether_they_keep_up_are_told_from_missing_ones() {
    type Change = fn(&mut Run);
    let silent: Change = |run| run.sustained = None;
    let wrong: Change = |run| run.verdict.valid = false;
    let cases: [(Change, [usize; 2], &str); 4] = [
        (silent, [0, 0], "overtakes"),
        (silent, [0, 2], "too briefly to say at two common rates whether they keep up"),
        (wrong, [0, 0], "overtakes"),
        (wrong, [0, 2], "numbers at fewer than two common rates"),
    ];
    for (change, cells, part) in cases {
        let mut sweep = over_rate();
        for cell in cells {
            runs(&mut sweep, cell, Mode::Paced).into_iter().for_each(change);
        }
        let said = Findings::of(&Curves::of(&sweep)).crossovers.concat();
        assert!(said.contains(part), "{cells:?}: {said}");
        assert_eq!(part.contains("briefly"), said.contains("longer --duration"), "{said}");
    }
}

/// A chart without micro-batch has no floor of micro-batch in it.
#[test]
fn the_floor_is_drawn_for_batches_alone() {
    let mut sweep = over_interval_and_parallelism();
    for cell in &mut sweep.cells {
        let result = cell.result.as_mut().expect("a result");
        result.workloads[0].rows.truncate(1);
    }
    for allowed in [false, true] {
        if allowed {
            allow_mixed(&mut sweep);
        }
        let drawn = charts(&Curves::of(&sweep)).expect("charts");
        assert!(drawn.iter().any(|chart| chart.title.contains("latency by batch-interval")));
        assert!(drawn.iter().all(|chart| !chart.svg.contains("half the interval")));
    }
}
