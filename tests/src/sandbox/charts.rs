//! `data_visualization` blocks as plain drawings, with their numbers in words for who doesn't see them.

use std::f64::consts::TAU;

use serde_json::Value;

use super::blocks::{items, unknown};
use super::html::esc;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 44.0;
const FOOT: f64 = 26.0;

/// The chart with title and legend.
pub(super) fn figure(block: &Value) -> String {
    let chart = &block["chart"];
    let (drawing, legend) = match chart["type"].as_str().unwrap_or_default() {
        "pie" => pie(chart),
        "bar" | "line" | "area" => series(chart),
        other => return unknown(other, block),
    };
    let title = esc(block["title"].as_str().unwrap_or_default());
    format!(
        "<figure class=\"b-chart\"><figcaption>{title}</figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{drawing}</svg>\
         <ul class=\"legend\">{legend}</ul></figure>"
    )
}

fn key(index: usize, text: &str) -> String {
    format!("<li><i class=\"s{}\"></i>{}</li>", index % 6, esc(text))
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn pie(chart: &Value) -> (String, String) {
    let segments: Vec<(&str, f64)> = items(&chart["segments"])
        .iter()
        .map(|segment| {
            (segment["label"].as_str().unwrap_or_default(), segment["value"].as_f64().unwrap_or(0.0).max(0.0))
        })
        .collect();
    let sum: f64 = segments.iter().map(|(_, value)| value).sum();
    let (x, y, radius) = (WIDTH / 2.0, HEIGHT / 2.0, HEIGHT / 2.0 - 6.0);
    let (mut drawing, mut legend, mut from) = (String::new(), String::new(), -TAU / 4.0);
    for (index, (label, value)) in segments.iter().enumerate() {
        let part = if sum > 0.0 { value / sum } else { 0.0 };
        let class = index % 6;
        if part > 0.999 {
            drawing += &format!("<circle class=\"s{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
        } else {
            let to = from + part * TAU;
            let far = u8::from(part > 0.5);
            drawing += &format!(
                "<path class=\"s{class}\" d=\"M{x} {y}L{:.1} {:.1}A{radius} {radius} 0 {far} 1 {:.1} {:.1}Z\"/>",
                x + radius * from.cos(),
                y + radius * from.sin(),
                x + radius * to.cos(),
                y + radius * to.sin()
            );
            from = to;
        }
        legend += &key(index, &format!("{label}: {} ({:.0} %)", number(*value), part * 100.0));
    }
    (drawing, legend)
}

fn series(chart: &Value) -> (String, String) {
    let all = items(&chart["series"]);
    let categories: Vec<&str> = items(&chart["axis_config"]["categories"]).iter().filter_map(Value::as_str).collect();
    let rows: Vec<Vec<f64>> = all
        .iter()
        .map(|one| items(&one["data"]).iter().map(|point| point["value"].as_f64().unwrap_or(0.0)).collect())
        .collect();
    let top = rows.iter().flatten().copied().fold(1.0, f64::max);
    let low = rows.iter().flatten().copied().fold(0.0, f64::min);
    let plane = Plane { top, low, columns: as_f64(categories.len().max(1)) };
    let mut drawing = plane.axes(&categories);
    let mut legend = String::new();
    for (index, (one, row)) in all.iter().zip(&rows).enumerate() {
        drawing += &match chart["type"].as_str() {
            Some("bar") => plane.bars(index, rows.len(), row),
            kind => plane.line(index, row, kind == Some("area")),
        };
        let values = categories.iter().zip(row).map(|(category, value)| format!("{category} {}", number(*value)));
        let name = one["name"].as_str().unwrap_or_default();
        legend += &key(index, &format!("{name}: {}", values.collect::<Vec<_>>().join(", ")));
    }
    (drawing, legend)
}

/// Where values stand on the drawing.
struct Plane {
    top: f64,
    low: f64,
    columns: f64,
}

impl Plane {
    fn y(&self, value: f64) -> f64 {
        let (upper, lower) = (14.0, HEIGHT - FOOT);
        lower - (value - self.low) / (self.top - self.low) * (lower - upper)
    }

    fn column(&self) -> f64 {
        (WIDTH - LEFT - 6.0) / self.columns
    }

    fn axes(&self, categories: &[&str]) -> String {
        let mut out = String::new();
        for value in [self.low, f64::midpoint(self.low, self.top), self.top] {
            let y = self.y(value);
            out += &format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{WIDTH}\"/>");
            out += &format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                number(value)
            );
        }
        let every = categories.len().div_ceil(8).max(1);
        for (index, category) in categories.iter().enumerate().step_by(every) {
            let x = LEFT + self.column() * (as_f64(index) + 0.5);
            out += &format!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - 8.0,
                esc(category)
            );
        }
        out
    }

    fn bars(&self, index: usize, of: usize, row: &[f64]) -> String {
        let width = self.column() * 0.7 / as_f64(of.max(1));
        row.iter()
            .enumerate()
            .map(|(at, value)| {
                let x = LEFT + self.column() * (as_f64(at) + 0.15) + width * as_f64(index);
                let (y, zero) = (self.y(value.max(0.0)), self.y(value.min(0.0)));
                format!(
                    "<rect class=\"s{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                    index % 6,
                    width * 0.92,
                    zero - y
                )
            })
            .collect()
    }

    fn line(&self, index: usize, row: &[f64], filled: bool) -> String {
        let points: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(at, value)| format!("{:.1} {:.1}", LEFT + self.column() * (as_f64(at) + 0.5), self.y(*value)))
            .collect();
        let mut out = String::new();
        let x = |at: usize| LEFT + self.column() * (as_f64(at) + 0.5);
        if filled && !points.is_empty() {
            let zero = self.y(0.0);
            out += &format!(
                "<path class=\"fill s{}\" d=\"M{:.1} {zero:.1}L{}L{:.1} {zero:.1}Z\"/>",
                index % 6,
                x(0),
                points.join("L"),
                x(points.len() - 1)
            );
        }
        out + &format!("<path class=\"stroke s{}\" d=\"M{}\"/>", index % 6, points.join("L"))
    }
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
