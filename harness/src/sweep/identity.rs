//! What a cell is the result of: everything that makes two results of one cell comparable.

use crate::settings::Resolved;
use weir_reports::schema::{Environment, ResultFile};

/// Names and values that have to be the same for a kept result to stand for a new one: every setting in
/// force (the workload and the seed among them), the build, and the machine. Where a result was put is
/// no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Vec<(String, String)>);

impl Identity {
    /// Of the result that a run of these settings would give here and now.
    #[must_use]
    pub fn expected(resolved: &Resolved, environment: &Environment) -> Self {
        let settings = resolved.iter().map(|(def, value)| (def.name, value.text.as_str()));
        Self::of(env!("CARGO_PKG_VERSION"), environment, settings)
    }

    /// Of a result that is there.
    #[must_use]
    pub fn of_result(result: &ResultFile) -> Self {
        let settings = result.settings.iter().map(|s| (s.name.as_str(), s.value.as_str()));
        Self::of(&result.weir_version, &result.environment, settings)
    }

    fn of<'a>(
        version: &str,
        environment: &Environment,
        settings: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let dirty = match environment.dirty {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let mut all: Vec<(String, String)> = settings
            .filter(|(name, _)| *name != "out")
            .map(|(name, value)| (format!("setting {name}"), value.to_owned()))
            .collect();
        all.extend(
            [
                ("weir version", version.to_owned()),
                ("build commit", known(&environment.commit)),
                ("build with uncommitted changes", dirty.to_owned()),
                ("build", environment.build.clone()),
                ("compiler", environment.rustc.clone()),
                ("processor", environment.cpu_model.clone()),
                ("number of processors", environment.cpus.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        all.sort();
        Self(all)
    }

    /// The first thing that differs: what it is, its value there, and its value here.
    #[must_use]
    pub fn difference(&self, now: &Self) -> Option<(String, String, String)> {
        let of = |side: &Self, name: &str| {
            let found = side.0.iter().find(|(known, _)| known == name);
            found.map_or_else(|| "absent".to_owned(), |(_, value)| value.clone())
        };
        let names = self.0.iter().chain(&now.0).map(|(name, _)| name);
        names
            .map(|name| (name.clone(), of(self, name), of(now, name)))
            .find(|(_, kept, now)| kept != now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::capture;
    use crate::settings::{Layers, resolve};
    use weir_reports::testing::example;

    fn resolved(sets: &[&str]) -> Resolved {
        let sets = sets.iter().map(|text| (*text).to_owned()).collect();
        resolve(&Layers { sets, ..Layers::default() }).expect("settings")
    }

    #[test]
    fn whatever_changes_a_number_is_part_of_it() {
        let base = capture("system");
        let identity = |sets: &[&str], environment: &Environment| {
            Identity::expected(&resolved(sets), environment)
        };
        let kept = identity(&[], &base);
        assert_eq!(kept.difference(&identity(&[], &base)), None);
        assert_eq!(kept.difference(&identity(&["out=elsewhere"], &base)), None);
        let commit = Some("0123".to_owned());
        let dirty = Some(base.dirty != Some(true));
        for (sets, environment, what) in [
            (&["seed=7"][..], base.clone(), "setting seed"),
            (&["workload=stateful"], base.clone(), "setting workload"),
            (&["rounds=9"], base.clone(), "setting rounds"),
            (&[], Environment { commit, ..base.clone() }, "build commit"),
            (&[], Environment { dirty, ..base.clone() }, "build with uncommitted changes"),
            (&[], Environment { build: "other".to_owned(), ..base.clone() }, "build"),
            (&[], Environment { cpus: 0, ..base }, "number of processors"),
        ] {
            let (found, ..) = kept.difference(&identity(sets, &environment)).expect(what);
            assert_eq!(found, what);
        }
    }

    #[test]
    fn a_setting_that_is_not_there_differs() {
        let mut fewer = example();
        fewer.settings.retain(|setting| setting.name != "seed");
        let difference = Identity::of_result(&fewer).difference(&Identity::of_result(&example()));
        let want = ["setting seed", "absent", "42"].map(str::to_owned);
        assert_eq!(difference, Some(want.into()));
    }
}
