//! Records what the result file says about the build: compiler, profile, target and commit.
//!
//! Nothing here fails: outside a checkout, or without git, the commit is unknown.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let rustc = output(Command::new(variable("RUSTC")).arg("-V")).unwrap_or_default();
    let profile = profile_of(Path::new(&variable("OUT_DIR"))).unwrap_or(variable("PROFILE"));
    let (level, target) = (variable("OPT_LEVEL"), variable("TARGET"));
    println!("cargo::rustc-env=WEIR_RUSTC={rustc}");
    println!("cargo::rustc-env=WEIR_BUILD={profile}, opt-level {level}, {target}");
    println!("cargo::rerun-if-changed=build.rs");
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    if let Some(root) = manifest.parent() {
        record_commit(root);
    }
}

/// The profile's own name; `PROFILE` knows only debug and release.
/// The output directory is `target/[triple/]PROFILE/build/CRATE/out`.
fn profile_of(out: &Path) -> Option<String> {
    Some(out.ancestors().nth(3)?.file_name()?.to_str()?.to_owned())
}

fn record_commit(root: &Path) {
    let git = |arguments: &[&str]| output(Command::new("git").current_dir(root).args(arguments));
    // A copy of the sources inside some other repository has no commit.
    let top =
        git(&["rev-parse", "--show-toplevel"]).and_then(|top| Path::new(&top).canonicalize().ok());
    if top.is_none() || top != root.canonicalize().ok() {
        return;
    }
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo::rustc-env=WEIR_COMMIT={commit}");
    }
    if let Some(changes) = git(&["status", "--porcelain", "--untracked-files=no"]) {
        println!("cargo::rustc-env=WEIR_DIRTY={}", !changes.is_empty());
    }
    // The answer changes with a commit or a checkout, and with a source that is rebuilt anyway. A
    // path that does not exist would make cargo run this on every build.
    let watched =
        ["HEAD", "logs/HEAD"].iter().filter_map(|name| git(&["rev-parse", "--git-path", name]));
    let sources =
        ["Cargo.toml", "Cargo.lock", "engines", "workloads", "harness/src", "reports/src"];
    for path in watched.map(|path| root.join(path)).chain(sources.map(|path| root.join(path))) {
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

/// What a command prints, if it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
