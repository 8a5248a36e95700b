//! The machine and the build that numbers were taken on.
//!
//! Every reader is a pure function over the text of a file of the Linux kernel, and a missing file is
//! an unknown value. Other systems get what the standard library knows.

use std::fs;
use std::path::{Path, PathBuf};
use weir_reports::schema::Environment;

/// Captures the environment, with the load average as that before the runs. `allocator` is the
/// binary's to know; set `load_after` from [`load_average`] after the last run.
#[must_use]
pub fn capture(allocator: &str) -> Environment {
    let read = |path: &str| fs::read_to_string(path).ok();
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned());
    Environment {
        os: join_words(&[Some(std::env::consts::OS.to_owned()), kernel]),
        cpu_model: cpu_model(&cpuinfo)
            .unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH)),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: read("/proc/meminfo").and_then(|text| total_memory(&text)).unwrap_or(0),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .map(|text| text.trim().to_owned())
            .filter(|name| !name.is_empty()),
        cgroup_cpus: read("/proc/self/cgroup")
            .and_then(|groups| cgroup_quota(&groups, |path| fs::read_to_string(path).ok())),
        rustc: env!("WEIR_RUSTC").to_owned(),
        build: env!("WEIR_BUILD").to_owned(),
        allocator: allocator.to_owned(),
        commit: option_env!("WEIR_COMMIT").map(str::to_owned),
        dirty: option_env!("WEIR_DIRTY").map(|dirty| dirty == "true"),
        load_before: load_average(),
        load_after: None,
        fitness: None,
    }
}

/// The one-minute load average, where the system tells.
#[must_use]
pub fn load_average() -> Option<f64> {
    parse_load_average(&fs::read_to_string("/proc/loadavg").ok()?)
}

fn parse_load_average(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

fn join_words(words: &[Option<String>]) -> String {
    words.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The processor's name in `/proc/cpuinfo`: `model name` on x86, `Model` or `Hardware` on some Arm
/// boards, nothing on others.
fn cpu_model(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    };
    ["model name", "Model", "Hardware", "cpu"].into_iter().find_map(field)
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total_memory(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

/// A file of the process's control group (version 2), where there is one.
pub(crate) fn cgroup_file(name: &str) -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
    fs::read_to_string(folder.join(name)).ok()
}

/// The processor quota that holds for the process: the least of its control group and the groups
/// above it. `groups` is `/proc/self/cgroup`, `read` reads a file of the cgroup file system.
fn cgroup_quota(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<f64> {
    let quotas = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next().unwrap_or_default();
        let group = parts.next().unwrap_or_default().trim_start_matches('/');
        let version_2 = controllers.is_empty();
        let version_1 = controllers.split(',').any(|name| name == "cpu");
        let root = PathBuf::from(if version_2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/cpu" });
        let own = if version_2 || version_1 { Some(root.join(group)) } else { None };
        let read = &read;
        let levels = own.into_iter().flat_map(move |own| {
            let above = own.ancestors().take_while(|path| path.starts_with(&root));
            above.map(Path::to_path_buf).collect::<Vec<_>>()
        });
        levels.filter_map(move |level| {
            if version_2 {
                cpu_max(&read(&level.join("cpu.max"))?)
            } else {
                let quota = read(&level.join("cpu.cfs_quota_us"))?;
                cfs_quota(&quota, &read(&level.join("cpu.cfs_period_us"))?)
            }
        })
    });
    quotas.reduce(f64::min)
}

/// Version 2: `cpu.max` holds the quota or `max`, and the period, in microseconds.
fn cpu_max(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    cfs_quota(words.next()?, words.next().unwrap_or("100000"))
}

/// Version 1: two files, and -1 for no quota.
fn cfs_quota(quota: &str, period: &str) -> Option<f64> {
    let quota: f64 = quota.trim().parse().ok()?;
    let period: f64 = period.trim().parse().ok()?;
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests;
