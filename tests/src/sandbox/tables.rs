//! `data_table` and `table` blocks.

use serde_json::Value;

use super::blocks::{Canvas, items};
use super::html::esc;
use super::{elements, rich_text};

/// A `data_table`: its first row is the head.
pub(super) fn data_table(canvas: &Canvas<'_>, block: &Value) -> String {
    let caption = format!("<caption>{}</caption>", esc(block["caption"].as_str().unwrap_or_default()));
    let row_head = block["row_header_column_index"].as_u64();
    draw(canvas, block, &caption, row_head)
}

/// A `table`.
pub(super) fn table(canvas: &Canvas<'_>, block: &Value) -> String {
    draw(canvas, block, "", None)
}

fn draw(canvas: &Canvas<'_>, block: &Value, caption: &str, row_head: Option<u64>) -> String {
    let mut rows = items(&block["rows"]).iter();
    let head: String = rows
        .next()
        .map(|row| {
            items(row).iter().map(|cell| format!("<th scope=\"col\">{}</th>", content(canvas, block, cell))).collect()
        })
        .unwrap_or_default();
    let body: String = rows
        .map(|row| {
            let cells: String = items(row)
                .iter()
                .zip(0u64..)
                .map(|(cell, index)| {
                    let number = if cell["type"] == "raw_number" { " class=\"number\"" } else { "" };
                    let inner = content(canvas, block, cell);
                    if row_head == Some(index) {
                        format!("<th scope=\"row\">{inner}</th>")
                    } else {
                        format!("<td{number}>{inner}</td>")
                    }
                })
                .collect();
            format!("<tr>{cells}</tr>")
        })
        .collect();
    format!(
        "<div class=\"b-table\" tabindex=\"0\" role=\"group\"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
}

fn content(canvas: &Canvas<'_>, block: &Value, cell: &Value) -> String {
    match cell["type"].as_str().unwrap_or_default() {
        "raw_text" => esc(cell["text"].as_str().unwrap_or_default()).to_string(),
        "raw_number" => match (cell["text"].as_str(), &cell["value"]) {
            (Some(text), _) => esc(text).to_string(),
            (None, value) => esc(&value.to_string()).to_string(),
        },
        "rich_text" => rich_text::all(canvas, &cell["elements"]),
        "action_cell" => elements::element(canvas, block, &cell["element"]),
        other => format!("[{}]", esc(other)),
    }
}
