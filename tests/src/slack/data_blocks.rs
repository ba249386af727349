//! The blocks of 2026: charts, tables, cards, containers, alerts.
//!
//! Source: docs.slack.dev reference pages of the same names. Task cards, plans, carousels, videos and context actions
//! aren't modelled: they are refused as unsupported.

use std::collections::BTreeSet;

use serde_json::Value;

use super::checker::Checker;

impl Checker<'_> {
    pub(crate) fn alert(&mut self, block: &Value, path: &str) {
        self.keys(block, path, &["type", "text"], &["block_id", "level"]);
        self.text(&block["text"], &format!("{path}/text"), 200);
        let level = block["level"].as_str().unwrap_or("default");
        if !["default", "info", "warning", "error", "success"].contains(&level) {
            self.error(&format!("{path}/level"), format!("unsupported level: {level}"));
        }
    }

    pub(crate) fn card(&mut self, block: &Value, path: &str) {
        let optional = ["block_id", "title", "subtitle", "body", "hero_image", "icon", "actions"];
        self.keys(block, path, &["type"], &optional);
        for (key, max) in [("title", 150), ("subtitle", 150), ("body", 200)] {
            if !block[key].is_null() {
                self.text(&block[key], &format!("{path}/{key}"), max);
            }
        }
        for key in ["hero_image", "icon"] {
            if !block[key].is_null() {
                self.image_source(&block[key], &format!("{path}/{key}"));
            }
        }
        if !block["actions"].is_null() {
            let actions = self.items(&block["actions"], &format!("{path}/actions"), 1, 5);
            for (index, action) in actions.iter().enumerate() {
                self.button(action, &format!("{path}/actions/{index}"));
            }
        }
        if ["title", "body", "hero_image", "actions"].iter().all(|key| block[key].is_null()) {
            self.error(path, "must have one of title, body, hero_image, actions");
        }
    }

    pub(crate) fn container(&mut self, block: &Value, path: &str) {
        const CHILDREN: [&str; 10] =
            ["actions", "context", "divider", "header", "image", "input", "rich_text", "section", "table", "markdown"];
        let optional = [
            "block_id",
            "title",
            "rich_text_title",
            "subtitle",
            "width",
            "icon",
            "is_collapsible",
            "default_collapsed",
            "has_header_divider",
        ];
        self.keys(block, path, &["type", "child_blocks"], &optional);
        if block["title"].is_null() && block["rich_text_title"].is_null() {
            self.error(path, "missing required field: title");
        }
        if !block["title"].is_null() {
            self.plain_text(&block["title"], &format!("{path}/title"), 150);
        }
        let children = self.items(&block["child_blocks"], &format!("{path}/child_blocks"), 1, 10);
        for (index, child) in children.iter().enumerate() {
            let path = format!("{path}/child_blocks/{index}");
            if CHILDREN.contains(&child["type"].as_str().unwrap_or_default()) {
                self.block(child, &path);
            } else {
                self.error(&format!("{path}/type"), format!("unsupported type: {}", child["type"]));
            }
        }
    }

    pub(crate) fn chart_block(&mut self, block: &Value, path: &str) {
        self.charts += 1;
        if self.charts > 2 {
            self.error(path, "a message has at most 2 data visualizations");
        }
        self.keys(block, path, &["type", "title", "chart"], &["block_id"]);
        self.string(&block["title"], &format!("{path}/title"), 50);
        let (chart, path) = (&block["chart"], format!("{path}/chart"));
        match chart["type"].as_str().unwrap_or_default() {
            "pie" => self.pie(chart, &path),
            "bar" | "line" | "area" => self.series_chart(chart, &path),
            other => self.error(&format!("{path}/type"), format!("unsupported type: {other}")),
        }
    }

    fn pie(&mut self, chart: &Value, path: &str) {
        self.keys(chart, path, &["type", "segments"], &[]);
        let segments = self.items(&chart["segments"], &format!("{path}/segments"), 1, 6);
        for (index, segment) in segments.iter().enumerate() {
            let path = format!("{path}/segments/{index}");
            self.keys(segment, &path, &["label", "value"], &[]);
            self.string(&segment["label"], &format!("{path}/label"), 20);
            if segment["value"].as_f64().is_none_or(|value| value <= 0.0) {
                self.error(&format!("{path}/value"), "must be a number greater than 0");
            }
        }
    }

    fn series_chart(&mut self, chart: &Value, path: &str) {
        self.keys(chart, path, &["type", "series", "axis_config"], &[]);
        let axis = &chart["axis_config"];
        self.keys(axis, &format!("{path}/axis_config"), &["categories"], &["x_label", "y_label"]);
        let at = format!("{path}/axis_config/categories");
        let categories = self.items(&axis["categories"], &at, 1, 20);
        for (index, category) in categories.iter().enumerate() {
            self.string(category, &format!("{at}/{index}"), 20);
        }
        for key in ["x_label", "y_label"] {
            self.optional_string(axis, &format!("{path}/axis_config"), key, 50);
        }
        let series = self.items(&chart["series"], &format!("{path}/series"), 1, 6);
        let mut names = BTreeSet::new();
        for (index, one) in series.iter().enumerate() {
            let path = format!("{path}/series/{index}");
            self.keys(one, &path, &["name", "data"], &[]);
            self.string(&one["name"], &format!("{path}/name"), 20);
            if !names.insert(one["name"].to_string()) {
                self.error(&format!("{path}/name"), "series names must be unique");
            }
            let points = self.items(&one["data"], &format!("{path}/data"), 1, 20);
            let labels: Vec<&Value> = points.iter().map(|point| &point["label"]).collect();
            if labels != categories.iter().collect::<Vec<_>>() {
                self.error(&format!("{path}/data"), "labels must be the categories of the axis, in their order");
            }
            for (index, point) in points.iter().enumerate() {
                self.keys(point, &format!("{path}/data/{index}"), &["label", "value"], &[]);
                if !point["value"].is_number() {
                    self.error(&format!("{path}/data/{index}/value"), "must be a number");
                }
            }
        }
    }

    pub(crate) fn data_table(&mut self, block: &Value, path: &str) {
        let optional = ["block_id", "page_size", "row_header_column_index"];
        self.keys(block, path, &["type", "caption", "rows"], &optional);
        self.string(&block["caption"], &format!("{path}/caption"), 200);
        let cells = ["raw_text", "raw_number", "rich_text", "action_cell"];
        self.rows(&block["rows"], &format!("{path}/rows"), 2, 101, &cells);
        let size = &block["page_size"];
        if !size.is_null() && size.as_u64().is_none_or(|size| !(1..=100).contains(&size)) {
            self.error(&format!("{path}/page_size"), "must be 1 to 100");
        }
    }

    pub(crate) fn table(&mut self, block: &Value, path: &str) {
        self.keys(block, path, &["type", "rows"], &["block_id", "column_settings"]);
        self.rows(&block["rows"], &format!("{path}/rows"), 1, 100, &["raw_text", "rich_text"]);
    }

    fn rows(&mut self, rows: &Value, path: &str, least: usize, most: usize, cells: &[&str]) {
        let rows = self.items(rows, path, least, most);
        let columns = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
        for (index, row) in rows.iter().enumerate() {
            let path = format!("{path}/{index}");
            let row = self.items(row, &path, 1, 20);
            if row.len() != columns {
                self.error(&path, "all rows must have the same number of cells");
            }
            for (index, cell) in row.iter().enumerate() {
                if !cells.contains(&cell["type"].as_str().unwrap_or_default()) {
                    self.error(&format!("{path}/{index}/type"), format!("unsupported type: {}", cell["type"]));
                }
            }
        }
    }
}
