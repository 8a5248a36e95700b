//! Plans as drawings.

use std::fmt::Write as _;
use weir_dataflow::{Node, NodeKind, Plan};

fn shape(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Source => "source",
        NodeKind::Operator => "operator",
        NodeKind::State => "state",
        NodeKind::Sink => "sink",
        NodeKind::System => "system",
    }
}

fn tasks(node: &Node) -> String {
    if node.tasks == 1 { "1 task".to_owned() } else { format!("{} tasks", node.tasks) }
}

/// For the terminal: a node a line, and under it where its records go.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let width = plan.nodes.iter().map(|node| node.label.chars().count()).max().unwrap_or(0);
    for (index, node) in plan.nodes.iter().enumerate() {
        let _ = writeln!(
            out,
            "[{index}] {:width$}  {:8}  {}",
            node.label,
            shape(node.kind),
            tasks(node)
        );
        for edge in plan.edges.iter().filter(|edge| edge.from == index) {
            let target = &plan.nodes[edge.to].label;
            let how = if edge.label.is_empty() { "same loop" } else { &edge.label };
            let _ = writeln!(out, "      └─ {how} ─▶ [{}] {target}", edge.to);
        }
    }
    out
}

/// Mermaid source.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    let clean = |text: &str| text.replace('"', "'");
    for (index, node) in plan.nodes.iter().enumerate() {
        let label = format!("{} ×{}", clean(&node.label), node.tasks);
        let _ = match node.kind {
            NodeKind::Source => writeln!(out, "  n{index}([\"{label}\"])"),
            NodeKind::State => writeln!(out, "  n{index}[(\"{label}\")]"),
            NodeKind::Sink => writeln!(out, "  n{index}[/\"{label}\"/]"),
            NodeKind::Operator | NodeKind::System => writeln!(out, "  n{index}[\"{label}\"]"),
        };
    }
    for edge in &plan.edges {
        let _ = match edge.label.as_str() {
            "" => writeln!(out, "  n{} --- n{}", edge.from, edge.to),
            label => writeln!(out, "  n{} -->|\"{}\"| n{}", edge.from, clean(label), edge.to),
        };
    }
    out
}
