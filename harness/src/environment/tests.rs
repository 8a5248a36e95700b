use super::*;

#[test]
fn processors_are_named_where_the_kernel_names_them() {
    let x86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 106\n\
               model name\t: Intel(R) Xeon(R) CPU @ 2.60GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
    let pi = "processor\t: 0\nBogoMIPS\t: 108.00\nHardware\t: BCM2835\n\
              Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n";
    let power = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n";
    let arm = "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\n";
    for (text, model) in [
        (x86, Some("Intel(R) Xeon(R) CPU @ 2.60GHz")),
        (pi, Some("Raspberry Pi 4 Model B Rev 1.4")),
        (power, Some("POWER9, altivec supported")),
        (arm, None),
        ("model name\t:\n", None),
        ("", None),
    ] {
        assert_eq!(cpu_model(text).as_deref(), model, "{text}");
    }
}

#[test]
fn memory_is_in_bytes() {
    let text = "MemTotal:        8148820 kB\nMemFree:          209156 kB\n";
    assert_eq!(total_memory(text), Some(8_148_820 * 1024));
    for text in ["", "MemTotal:\n", "MemTotal: x kB\n", "MemTotal: 5\n", "MemFree: 5 kB\n"] {
        assert_eq!(total_memory(text), None, "{text}");
    }
}

#[test]
fn the_load_average_is_the_first() {
    assert_eq!(parse_load_average("0.52 0.58 0.59 3/602 12345\n"), Some(0.52));
    assert_eq!(parse_load_average(""), None);
    assert_eq!(parse_load_average("n/a"), None);
}

#[test]
fn the_least_quota_of_a_group_and_those_above_it_holds() {
    const V1: &str = "12:memory:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n";
    type Files = &'static [(&'static str, &'static str)];
    let cases: &[(&str, Files, Option<f64>)] = &[
        ("0::/\n", &[("/sys/fs/cgroup/cpu.max", "150000 100000\n")], Some(1.5)),
        ("0::/\n", &[("/sys/fs/cgroup/cpu.max", "max 100000\n")], None),
        ("0::/a/b\n", &[("/sys/fs/cgroup/a/cpu.max", "50000\n")], Some(0.5)),
        (
            "0::/a/b\n",
            &[
                ("/sys/fs/cgroup/a/b/cpu.max", "400000 100000"),
                ("/sys/fs/cgroup/a/cpu.max", "200000 100000"),
                ("/sys/fs/cgroup/cpu.max", "max 100000"),
            ],
            Some(2.0),
        ),
        (
            V1,
            &[
                ("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "25000\n"),
                ("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "50000\n"),
                ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
                ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ],
            Some(0.5),
        ),
        (V1, &[("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "25000")], None),
        (V1, &[("/sys/fs/cgroup/cpu.max", "10000 100000")], None),
        ("0::/\n", &[("/sys/fs/cgroup/cpu.max", "nonsense")], None),
        ("0::/\n", &[("/sys/fs/cgroup/cpu.max", "100000 0")], None),
        ("nonsense\n\n::\n", &[], None),
        ("", &[], None),
    ];
    for (groups, files, quota) in cases {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        };
        assert_eq!(cgroup_quota(groups, read), *quota, "{groups:?} {files:?}");
    }
}

#[test]
fn capturing_fills_what_every_system_knows() {
    let environment = capture("system");
    assert!(environment.os.starts_with(std::env::consts::OS));
    assert!(environment.cpus >= 1 && !environment.cpu_model.is_empty());
    assert!(environment.rustc.starts_with("rustc "), "{}", environment.rustc);
    assert!(environment.build.contains("opt-level"), "{}", environment.build);
    assert_eq!((environment.allocator.as_str(), environment.load_after), ("system", None));
    assert!(environment.commit.is_none_or(|commit| commit.len() >= 40));
}
