//! Rules about the tree itself: which crate may see which, how long files and functions are, and what
//! may not stand in them.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 600;
const LONGEST_FUNCTION: usize = 60;
const LONGEST_SCRIPT: usize = 60;

/// Which of our crates each of our crates may see, other than in tests.
const EDGES: &[(&str, &[&str])] = &[
    ("weir-dataflow", &[]),
    ("weir-oracle", &["weir-dataflow"]),
    ("weir-topology", &["weir-dataflow"]),
    ("weir-trident", &["weir-dataflow", "weir-topology"]),
    ("weir-microbatch", &["weir-dataflow"]),
    ("weir-workloads", &["weir-dataflow"]),
    ("weir-statistics", &[]),
    ("weir-reports", &["weir-statistics"]),
    (
        "weir-targets",
        &[
            "weir-dataflow",
            "weir-microbatch",
            "weir-oracle",
            "weir-reports",
            "weir-topology",
            "weir-trident",
            "weir-workloads",
        ],
    ),
    (
        "weir-harness",
        &[
            "weir-dataflow",
            "weir-microbatch",
            "weir-oracle",
            "weir-reports",
            "weir-statistics",
            "weir-targets",
            "weir-topology",
            "weir-trident",
            "weir-workloads",
        ],
    ),
];

/// The crates that know serde: results are serialized at the edge, the engines write what they have to
/// find again after a failure, and their tests read recorded cases.
const SERIALIZE: &[&str] = &["weir-microbatch", "weir-reports", "weir-topology", "weir-trident"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.exec().expect("cargo metadata")
}

/// Every file that belongs to the project.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = !matches!(&*name, ".git" | "target") && !name.starts_with("weir-report");
            match (ours, path.is_dir()) {
                (false, _) => {}
                (true, true) => folders.push(path),
                (true, false) => found.push(path),
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "the tree has only {} files", found.len());
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.map(|path| {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        (path, text)
    })
    .collect()
}

fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[track_caller]
fn none(what: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{what}:\n  {}", violations.join("\n  "));
}

#[test]
fn crates_see_only_what_they_may() {
    let metadata = metadata();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, EDGES.iter().map(|(name, _)| *name).collect(), "crates of the workspace");
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may = EDGES.iter().find(|(from, _)| *from == name).map_or(&[][..], |(_, to)| to);
        let ours = |kind: DependencyKind| -> BTreeSet<&str> {
            let of_kind = package.dependencies.iter().filter(|d| d.kind == kind);
            of_kind.map(|d| d.name.as_str()).filter(|n| names.contains(n)).collect()
        };
        assert_eq!(ours(DependencyKind::Normal), may.iter().copied().collect(), "{name}");
        assert_eq!(ours(DependencyKind::Build), BTreeSet::new(), "{name}, to build");
        // Tests that cross crates live in the harness, which sees them all.
        assert_eq!(ours(DependencyKind::Development), BTreeSet::new(), "{name}, to test");
    }
}

#[test]
fn few_crates_serialize() {
    for package in &metadata().packages {
        let serde = package.dependencies.iter().any(|d| d.name.starts_with("serde"));
        assert_eq!(serde, SERIALIZE.contains(&package.name.as_str()), "{} and serde", package.name);
    }
}

#[test]
fn every_crate_follows_the_lints_of_the_workspace() {
    for package in &metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
        assert!(package.description.is_some(), "{} has no description", package.name);
        assert_eq!(package.license.as_deref(), Some("Apache-2.0 OR MIT"), "{}", package.name);
    }
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", short(&path)))
    });
    none("files that want to be two", &long.collect::<Vec<_>>());
}

/// The functions of a source, as (line, number of lines). It relies on rustfmt: a body ends at the
/// first closing brace that stands where its `fn` stands.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_head = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| {
            matches!(*word, "const" | "async" | "unsafe" | "extern") || word.starts_with("pub")
        });
        words.next() == Some("fn")
    };
    let length = |at: usize| {
        let own = indent(lines[at]);
        let end = lines[at..].iter().position(|line| {
            let closes = indent(line) == own && line.trim_start() == "}";
            closes || (indent(line) == own && (line.ends_with(';') || line.ends_with("{}")))
        });
        let one_line = lines[at].ends_with('}');
        if one_line { Some(1) } else { end.map(|lines| lines + 1) }
    };
    let heads = (0..lines.len()).filter(|at| is_head(lines[*at]));
    heads.filter_map(|at| Some((at + 1, length(at)?))).collect()
}

#[test]
fn functions_are_counted() {
    let text = "\
fn one() {}
pub(crate) const fn two(
    a: u8,
) -> u8 {
    a
}
trait T {
    fn three(&self);
    fn four(
        &self,
    );
    fn five() {
        if x {
            y;
        }
    }
}
";
    assert_eq!(functions(text), [(1, 1), (2, 5), (8, 1), (9, 3), (12, 5)]);
}

#[test]
fn functions_fit_a_screen() {
    let long = sources().into_iter().flat_map(|(path, text)| {
        let long = functions(&text).into_iter().filter(|(_, lines)| *lines > LONGEST_FUNCTION);
        long.map(|(at, lines)| format!("{}:{at}: {lines} lines", short(&path))).collect::<Vec<_>>()
    });
    none("functions that do not fit a screen", &long.collect::<Vec<_>>());
}

#[test]
fn the_front_page_of_a_crate_or_module_only_shows_the_way() {
    let items = ["fn", "struct", "impl", "enum", "const", "static", "trait", "type"];
    let front = sources().into_iter().filter(|(path, _)| {
        let within = path.components().any(|part| part.as_os_str() == "src");
        within && path.file_name().is_some_and(|name| name == "lib.rs" || name == "mod.rs")
    });
    let violations = front.flat_map(|(path, text)| {
        let item = |line: &&str| {
            let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
            !line.starts_with(' ') && words.next().is_some_and(|word| items.contains(&word))
        };
        let found: Vec<String> =
            text.lines().filter(item).map(|line| format!("{}: {line}", short(&path))).collect();
        found
    });
    none("items in lib.rs or mod.rs", &violations.collect::<Vec<_>>());
}

/// The commands of cargo in a document, in words: up to the end of the code they stand in, or to a remark.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let whole = |command: &'static str| text.match_indices(command).map(|(at, _)| &text[at..]);
    let found = ["cargo test ", "cargo bench ", "cargo run "].into_iter().flat_map(whole);
    let ends = |rest: &str| rest.find(['`', '#', '\n']).unwrap_or(rest.len());
    found.map(|rest| rest[..ends(rest)].split_whitespace().collect()).collect()
}

/// What is wrong with a command: a crate or a target that is not there, or a filter that no test of the crate has.
fn fault(command: &[&str], metadata: &Metadata, sources: &[(PathBuf, String)]) -> Option<String> {
    let mut words = command[2..].iter().take_while(|word| **word != "--");
    let (mut package, mut target, mut filter) = (None, None, None);
    while let Some(word) = words.next() {
        match *word {
            "-p" => package = words.next(),
            "--test" | "--bench" | "--example" => target = Some((&word[2..], words.next()?)),
            other if !other.starts_with('-') => filter = Some(other),
            _ => {}
        }
    }
    let name = package?;
    let Some(package) = metadata.packages.iter().find(|package| package.name.as_str() == *name)
    else {
        return Some(format!("there is no crate {name}"));
    };
    if let Some((kind, name)) = target {
        let is_it = |target: &cargo_metadata::Target| {
            target.name == **name && target.kind.iter().any(|is| is.to_string() == kind)
        };
        // NAME stands for any of them.
        if **name != name.to_uppercase() && !package.targets.iter().any(is_it) {
            return Some(format!("there is no {kind} {name}"));
        }
    }
    let filter = filter.filter(|_| command[1] == "test")?;
    let home = package.manifest_path.parent()?.as_std_path();
    let tests = |(path, text): &(PathBuf, String)| {
        let heads = text.lines().map(str::trim_start).filter(|line| line.starts_with("fn "));
        let path = path.strip_prefix(home).ok().map(short);
        path.is_some_and(|path| {
            path.contains(filter) || heads.clone().any(|line| line.contains(filter))
        })
    };
    (!sources.iter().any(tests)).then(|| format!("no test is called {filter}"))
}

#[test]
fn commands_of_the_documents_run_something() {
    let (metadata, sources) = (metadata(), sources());
    let documents = files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    let (mut count, mut faults) = (0, Vec::new());
    for path in documents {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for command in commands(&text) {
            count += 1;
            let fault = fault(&command, &metadata, &sources);
            faults
                .extend(fault.map(|why| format!("{}: {}: {why}", short(&path), command.join(" "))));
        }
    }
    assert!(count > 30, "only {count} commands");
    none("commands that run nothing", &faults);
    for broken in
        ["-p weir-lost", "-p weir-harness --bench lost", "-p weir-harness --lib lost_and_gone"]
    {
        let command: Vec<&str> = ["cargo", "test"].into_iter().chain(broken.split(' ')).collect();
        assert!(fault(&command, &metadata, &sources).is_some(), "{broken}");
    }
}

/// Put together from halves, so that this file does not hold them.
fn forbidden() -> Vec<String> {
    [("to", "do!("), ("unimple", "mented!("), ("FIX", "ME"), ("#[ig", "nore"), ("X", "XX")]
        .map(|(a, b)| format!("{a}{b}"))
        .into()
}

#[test]
fn nothing_is_left_for_later() {
    let words = forbidden();
    let found = sources().into_iter().flat_map(|(path, text)| {
        let hits = words.iter().filter(|word| text.contains(word.as_str()));
        hits.map(|word| format!("{}: {word}", short(&path))).collect::<Vec<_>>()
    });
    none("left for later", &found.collect::<Vec<_>>());
}

#[test]
fn nothing_depends_on_where_a_developer_keeps_things() {
    let places = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/")].map(|(a, b)| format!("{a}{b}"));
    let found = files().into_iter().flat_map(|path| {
        let text = std::fs::read(&path).expect("a file");
        let text = String::from_utf8_lossy(&text).into_owned();
        let hits = places.iter().filter(|place| text.contains(place.as_str()));
        hits.map(|place| format!("{}: {place}", short(&path))).collect::<Vec<_>>()
    });
    none("absolute paths", &found.collect::<Vec<_>>());
}

#[test]
fn the_pages_that_a_visitor_looks_for_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ] {
        let size = std::fs::metadata(root().join(name)).map_or(0, |file| file.len());
        assert!(size > 200, "{name} is missing or nearly empty");
    }
}

#[test]
fn scripts_are_short_and_careful() {
    let scripts = files().into_iter().filter(|path| {
        let short = short(path);
        short.starts_with("scripts/") || short.starts_with(".ci/")
    });
    for path in scripts {
        let text = std::fs::read_to_string(&path).expect("a script");
        assert!(text.lines().count() <= LONGEST_SCRIPT, "{} is long", short(&path));
        assert!(text.contains("\nset -euo pipefail\n"), "{} carries on after errors", short(&path));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).expect("a script").permissions().mode();
            assert!(mode & 0o111 == 0o111, "{} cannot be executed", short(&path));
        }
    }
}
