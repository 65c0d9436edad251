//! The plot of a request's cost against the number of users.

use std::{ops::Range, path::Path};

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use super::{
    measurement::Measurement,
    subject::{Reuse, Store, Subject},
};

const SIZE: (u32, u32) = (900, 520);
const SUBJECTS: [(Subject, RGBColor); 4] = [
    (Subject::NodePeer, RGBColor(150, 150, 150)),
    (Subject::ProfileGet(Reuse::Default, Store::Sqlite), RGBColor(230, 120, 30)),
    (Subject::ProfileGet(Reuse::LongLived, Store::Sqlite), RGBColor(20, 110, 200)),
    (Subject::PassThrough(Reuse::LongLived), RGBColor(40, 150, 80)),
];

/// Draws CPU per request against users, at `connections`, as SVG into `file`.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn draw(measurements: &[Measurement], connections: usize, file: &Path) -> Result<()> {
    let points = |subject| -> Vec<(f64, f64)> {
        let own = measurements.iter().filter(|row| row.subject == subject && row.connections == connections);
        own.filter_map(|row| Some((f64::from(u32::try_from(row.users).ok()?), row.cpu_us_per_request))).collect()
    };
    let all: Vec<(f64, f64)> = SUBJECTS.iter().flat_map(|(subject, _)| points(*subject)).collect();
    let fewest_users = all.iter().map(|point| point.0).fold(10.0, f64::min);
    let most_users = all.iter().map(|point| point.0).fold(10.0 * fewest_users, f64::max);
    let least_cost = all.iter().map(|point| point.1).fold(100.0, f64::min);
    let most_cost = all.iter().map(|point| point.1).fold(10.0 * least_cost, f64::max);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut svg = String::new();
    draw_chart(&points, fewest_users..most_users, least_cost..most_cost * 2.0, connections, &mut svg)
        .map_err(|error| anyhow!("the plot cannot be drawn: {error}"))?;
    std::fs::write(file, for_dark_pages(&svg)).with_context(|| format!("cannot write {}", file.display()))
}

/// The plot with a style that inverts its colours, but not their hues, on a dark page.
fn for_dark_pages(svg: &str) -> String {
    const STYLE: &str =
        "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(1) hue-rotate(180deg) } }</style>";
    match svg.split_once("<svg").and_then(|(before, rest)| Some((before, rest.split_once('>')?))) {
        Some((before, (attributes, content))) => format!("{before}<svg{attributes}>\n{STYLE}{content}"),
        None => svg.to_owned(),
    }
}

fn draw_chart(
    points: &impl Fn(Subject) -> Vec<(f64, f64)>,
    users: Range<f64>,
    cost: Range<f64>,
    connections: usize,
    svg: &mut String,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("CPU per request against users, {connections} connections"), ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(users.log_scale(), cost.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("users (logarithmic)")
        .y_desc("microseconds of CPU (logarithmic)")
        .x_label_formatter(&|users| format!("{users:.0}"))
        .y_label_formatter(&|cost| format!("{cost:.0}"))
        .draw()?;
    for (subject, color) in SUBJECTS {
        let points = points(subject);
        if points.is_empty() {
            continue;
        }
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(subject.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}
