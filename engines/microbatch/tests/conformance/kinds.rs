pub fn run(_: &str, _: &serde_json::Value) -> Option<Result<(), String>> { None }
