//! A program over files that is stopped while a file's task hangs, and goes on later. What happens is told
//! in clauses; each is understood, or the case fails.

use crate::case::{Case, equal};
use crate::pipeline::{KEEP, Refusal, Run, Seen, Stream};
use crate::pipeline::{PATIENCE, numbers};
use crate::recovery::{live, make_file, recorded, say};
use crate::value::Value;
use crossbeam_channel::{Receiver, Sender, bounded};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use weir_microbatch::checkpoint_files::list;
use weir_microbatch::{Checkpoint, Time};

pub(crate) fn run(case: &Case<'_>) -> Result<(), String> {
    let mut story = Story::new(case)?;
    for phase in case.list("phases")? {
        story.tell(phase)?;
    }
    let want = numbers(&case["expected_union_of_outputs"])?;
    let want: BTreeSet<i64> = want.into_iter().map(|n| n as i64).collect();
    equal("all outputs", &story.outputs, &want)
}

/// A life of the program. `gate` is dropped to let hanging tasks end, which they do by a panic.
struct Life {
    run: Run,
    seen: Seen,
    gate: Option<Sender<()>>,
}

struct Story<'a> {
    case: &'a Case<'a>,
    batch_ms: u64,
    clock_ms: u64,
    checkpoints: tempfile::TempDir,
    folder: tempfile::TempDir,
    life: Option<Life>,
    outputs: BTreeSet<i64>,
    /// Outputs of the life before the present moment.
    last: Vec<(u64, i64)>,
    /// How many batches were generated at once when the program went on.
    caught_up: u64,
}

/// The numbers in a text, in order.
fn all_numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn clauses(phase: &Json) -> Vec<String> {
    let events = phase["events"].as_array().into_iter().flatten().filter_map(Json::as_str);
    events.flat_map(|event| event.split(';')).map(|clause| clause.trim().to_owned()).collect()
}

/// The numbers of the files that a clause creates, and their times, if it gives any.
fn created(clause: &str) -> (Vec<u64>, Vec<u64>) {
    let (names, times) = clause.split_once(" created at mtimes ").unwrap_or((clause, ""));
    // A list ends where something else than digits and commas begins.
    let end = times.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(times.len());
    (all_numbers(names), all_numbers(&times[..end]))
}

/// The number between two words.
fn between(clause: &str, before: &str, after: &str) -> Option<u64> {
    let rest = clause.split_once(before)?.1;
    rest.split_once(after)?.0.trim().parse().ok()
}

impl<'a> Story<'a> {
    fn new(case: &'a Case<'a>) -> Result<Self, String> {
        Ok(Self {
            case,
            batch_ms: case.int("batch_ms")?,
            clock_ms: 0,
            checkpoints: tempfile::tempdir().map_err(say)?,
            folder: tempfile::tempdir().map_err(say)?,
            life: None,
            outputs: BTreeSet::new(),
            last: Vec::new(),
            caught_up: 0,
        })
    }

    fn tell(&mut self, phase: &Json) -> Result<(), String> {
        let clauses = clauses(phase);
        let hanging =
            clauses.iter().find_map(|clause| between(clause, "file ", " blocks its task"));
        for clause in &clauses {
            self.clause(clause, hanging).map_err(|why| format!("{clause:?}: {why}"))?;
        }
        self.end_of_phase(phase)
    }

    fn clause(&mut self, clause: &str, hanging: Option<u64>) -> Result<(), String> {
        if let Some(rest) = clause.strip_prefix("start at clock ") {
            self.clock_ms = rest.parse().map_err(say)?;
            self.begin(hanging)?;
            self.start()
        } else if clause.starts_with("advance ") {
            let [by_ms] = all_numbers(clause)[..] else { return Err("by how much?".into()) };
            self.advance(by_ms, false)
        } else if clause.contains(" created at mtimes ") {
            self.create(clause, hanging)
        } else if clause.ends_with(" blocks its task") {
            Ok(())
        } else if clause == "stop" {
            self.end()
        } else if let Some(rest) = clause.strip_prefix("clock reaches ") {
            self.clock_ms = rest.parse().map_err(say)?;
            Ok(())
        } else if clause.starts_with("new StreamingContext") {
            self.begin(None)
        } else if let Some(rest) = clause.strip_prefix("recorded files right after recovery == ") {
            equal("recorded files", &recorded(&self.checkpoint()?), &all_numbers(rest))
        } else if clause.starts_with("manualClock.jump = ") {
            let [jump_ms, clock_ms] = all_numbers(clause)[..] else {
                return Err("to what?".into());
            };
            equal("clock", &(self.checkpoint()?.time().as_ms() + jump_ms), &clock_ms)?;
            equal("clock", &self.clock_ms, &clock_ms)
        } else if clause.starts_with("start: ") && clause.ends_with(" generated immediately") {
            self.catch_up(&all_numbers(clause))
        } else if clause.starts_with("then files ") && clause.ends_with(" one per batch") {
            for name in all_numbers(clause) {
                make_file(self.folder.path(), name, &format!("{name}\n"), self.clock_ms)?;
                self.advance(self.batch_ms, true)?;
            }
            Ok(())
        } else {
            Err("this clause is not understood".into())
        }
    }

    fn create(&mut self, clause: &str, hanging: Option<u64>) -> Result<(), String> {
        let (names, times) = created(clause);
        equal("a time for each file", &times.len(), &names.len())?;
        let step_ms = between(clause, ", advancing ", " after each");
        for (name, at_ms) in names.into_iter().zip(times) {
            if clause.contains("(=clock)") {
                equal("clock", &self.clock_ms, &at_ms)?;
            }
            make_file(self.folder.path(), name, &format!("{name}\n"), at_ms)?;
            if let Some(step_ms) = step_ms {
                self.advance(step_ms, hanging != Some(name))?;
            }
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<Checkpoint, String> {
        Checkpoint::latest(self.checkpoints.path()).map_err(say)?.ok_or("no checkpoint".to_owned())
    }

    fn begin(&mut self, hanging: Option<u64>) -> Result<(), String> {
        let (gate, closed) = bounded::<()>(0);
        let (case, folder) = (self.case, self.folder.path());
        let define = |run: &mut Run| define(case, run, folder, hanging, closed);
        let (run, seen) = live(self.checkpoints.path(), self.batch_ms, self.clock_ms, define)
            .map_err(|refusal| match refusal {
                Refusal::Case(error) => error,
                Refusal::Definition(error) => error.to_string(),
            })?;
        self.life = Some(Life { run, seen, gate: Some(gate) });
        Ok(())
    }

    fn life(&mut self) -> Result<&mut Life, String> {
        self.life.as_mut().ok_or("the program does not run".into())
    }

    fn start(&mut self) -> Result<(), String> {
        self.life()?.run.ssc.start().map_err(say)
    }

    fn wait(&mut self) -> Result<(), String> {
        let last = Time::from_ms(self.clock_ms - self.clock_ms % self.batch_ms);
        let done = self.life()?.run.ssc.await_batch(last, PATIENCE);
        if done { Ok(()) } else { Err("batches hang".into()) }
    }

    fn advance(&mut self, by_ms: u64, wait: bool) -> Result<(), String> {
        self.clock_ms += by_ms;
        let to_ns = self.clock_ms * 1_000_000;
        if let Some(life) = &self.life {
            life.run.clock.set(to_ns);
        }
        if wait { self.wait() } else { self.wait_submitted() }
    }

    /// Waits until the last batch is on its way, or over.
    fn wait_submitted(&mut self) -> Result<(), String> {
        let last = Time::from_ms(self.clock_ms - self.clock_ms % self.batch_ms);
        let Some(life) = &self.life else { return Ok(()) };
        let (ssc, look) = (&life.run.ssc, Duration::from_millis(1));
        let begun = ssc.zero_time().is_some_and(|zero| zero < last);
        while begun && !ssc.pending_times().contains(&last) && !ssc.await_batch(last, look) {}
        Ok(())
    }

    /// The first number says how many batches, the others are their times.
    fn catch_up(&mut self, said: &[u64]) -> Result<(), String> {
        self.start()?;
        self.wait()?;
        let times: Vec<u64> = self.life()?.seen.lock().expect("rows").keys().copied().collect();
        equal("batches", &times.as_slice(), &&said[1..])?;
        self.caught_up = times.len() as u64;
        equal("batches", &self.caught_up, &said[0])
    }

    /// Takes note of what the life has put out.
    fn note(&mut self) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        self.last.clear();
        for (time, (rows, _)) in life.seen.lock().expect("rows").iter() {
            for row in rows {
                let Value::Int(n) = row else { return Err(format!("{row:?} is no number")) };
                self.last.push((*time, *n));
                self.outputs.insert(*n);
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.note()?;
        let Some(mut life) = self.life.take() else { return Ok(()) };
        let (gate, ssc) = (life.gate.take(), life.run.ssc.clone());
        std::thread::scope(|scope| {
            let stop = std::thread::Builder::new().name("stop".into());
            let stopping = stop.spawn_scoped(scope, move || ssc.stop(KEEP)).map_err(say)?;
            // Tasks that hang end after the stop has begun, as if they were killed: they panic.
            while life.run.ssc.state() != weir_microbatch::ContextState::Stopped {
                std::thread::yield_now();
            }
            drop(gate);
            stopping.join().map_err(|_| "stop panicked".to_owned())?.map_err(say)
        })
    }

    fn end_of_phase(&mut self, phase: &Json) -> Result<(), String> {
        // A phase is a life at most, and a life that ends has written its last checkpoint.
        self.end()?;
        for (field, want) in phase.as_object().into_iter().flatten() {
            match field.as_str() {
                "phase" | "events" => {}
                "batches_on_restart" => {
                    equal(field, &Some(self.caught_up), &want.as_u64())?;
                }
                "completed_batches" => {
                    equal(field, &(self.last.len() as u64), &want.as_u64().unwrap_or(0))?;
                }
                "outputs" => {
                    let got: Vec<u64> = self.last.iter().map(|(_, n)| *n as u64).collect();
                    equal(field, &got, &numbers(want)?)?;
                }
                "recorded_files" => {
                    equal(field, &recorded(&self.checkpoint()?), &numbers(want)?)?;
                }
                "checkpoint_files" => {
                    let files = list(self.checkpoints.path()).map_err(say)?.len() as u64;
                    equal(field, &files, &want.as_u64().unwrap_or(0))?;
                }
                other => return Err(format!("field {other:?} of a phase is not understood")),
            }
        }
        Ok(())
    }
}

/// The case's pipeline over a folder; the task of one file hangs until the gate goes, and then panics.
fn define(
    case: &Case<'_>,
    run: &mut Run,
    folder: &Path,
    hanging: Option<u64>,
    closed: Receiver<()>,
) -> Result<Stream, Refusal> {
    let lines = run.ssc.text_file_stream(&folder.display().to_string())?;
    let input = lines.map(move |line| {
        if hanging.is_some_and(|name| line == name.to_string()) {
            let _ = closed.recv_timeout(Duration::from_secs(60));
            panic!("killed");
        }
        Value::Str(line.into())
    })?;
    run.inputs.insert("input".into(), input);
    let made = run.build(run.source(&"input".into())?, &case["params"]["pipeline"])?;
    Ok(made.last().cloned().ok_or("no stream".to_owned())?)
}
