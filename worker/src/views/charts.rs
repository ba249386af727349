//! Charts: Slack's own where messages take them, and bars of text everywhere else.

use slack_morphism::prelude::*;

use super::limits::{CHART_LABEL, CHART_SEGMENTS, CHART_TITLE, clip};
use super::mrkdwn::code;

/// Characters of the longest bar.
const LONGEST_BAR: usize = 20;
/// Characters of a label before a bar.
const LONGEST_LABEL: usize = 24;

/// Labelled bars in a block of fixed width, the longest for the largest value; names are escaped here.
pub(super) fn bars(values: &[(String, i64)]) -> String {
    let labels: Vec<String> = values.iter().map(|(label, _)| cut(label)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
    let most = values.iter().map(|value| value.1).max().unwrap_or_default();
    let digits = most.to_string().len();
    let lines = labels.iter().zip(values).map(|(label, (_, value))| {
        let padding = " ".repeat(width - label.chars().count());
        format!("{}{padding} {value:>digits$} {}", code(label), bar(*value, most))
    });
    format!("```{}```", lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n"))
}

/// A value's part of the longest bar; never nothing for something.
fn bar(value: i64, most: i64) -> String {
    if value <= 0 || most <= 0 {
        return String::new();
    }
    let length = (value as f64 / most as f64 * LONGEST_BAR as f64).round() as usize;
    "█".repeat(length.clamp(1, LONGEST_BAR))
}

fn cut(label: &str) -> String {
    let label: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if label.chars().count() <= LONGEST_LABEL {
        return label;
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}

/// Series side by side over the same categories.
pub(super) fn bar_chart(title: &str, categories: &[String], series: &[(&str, Vec<i64>)]) -> SlackBlock {
    let categories: Vec<String> = categories.iter().map(|category| clip(category, CHART_LABEL)).collect();
    let series = series.iter().map(|(name, values)| {
        let points = categories.iter().zip(values);
        let points = points.map(|(label, value)| SlackChartDataPoint::new(label.clone(), (*value).into()));
        SlackChartDataSeries::new(clip(name, CHART_LABEL), points.collect())
    });
    let chart = SlackSeriesChart::new(series.collect(), SlackChartAxisConfig::new(categories.clone()));
    SlackDataVisualizationBlock::new(clip(title, CHART_TITLE), SlackChart::Bar(chart)).into()
}

/// Parts of a whole; `None` where all are nothing.
pub(super) fn pie_chart(title: &str, values: &[(String, i64)]) -> Option<SlackBlock> {
    let segments: Vec<SlackChartSegment> = values
        .iter()
        .filter(|value| value.1 > 0)
        .take(CHART_SEGMENTS)
        .map(|(label, value)| SlackChartSegment::new(clip(label, CHART_LABEL), (*value).into()))
        .collect();
    if segments.is_empty() {
        return None;
    }
    Some(
        SlackDataVisualizationBlock::new(clip(title, CHART_TITLE), SlackChart::Pie(SlackPieChart::new(segments)))
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_nothing_for_something() {
        let values = [("Open".to_owned(), 1000), ("In Progress".to_owned(), 1), ("Closed".to_owned(), 0)];
        assert_eq!(bars(&values), "```Open        1000 ████████████████████\nIn Progress    1 █\nClosed         0```");
    }

    #[test]
    fn a_name_can_not_end_the_block() {
        let text = bars(&[("```<!channel>".to_owned(), 1), ("x".repeat(200), 2)]);
        assert_eq!(text.matches("```").count(), 2);
        assert!(!text.contains("<!") && !text.contains(&"x".repeat(30)));
    }
}
