//! Plots of latencies as SVG files, which `--svg FOLDER` on the command line of a benchmark requests. The same measurements give the
//! same file, byte for byte.

use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingAreaErrorKind, EmptyElement, IntoDrawingArea, IntoFont, LineSeries, RGBColor,
    SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

const SIZE: (u32, u32) = (800, 420);
const LABELS_WIDTH: u32 = 170;
const FONT_HEIGHT: f64 = 14.0;
const LINE_HEIGHT: i32 = 16;
const MARGIN: u32 = 12;
const AXIS_WIDTH: u32 = 56;
const AXIS_HEIGHT: u32 = 46;

/// A vote should be signed within this time.
const LIMIT_MS: f64 = 500.0;
const MIN_MS: f64 = 5.0;
const MAX_MS: f64 = 2000.0;
/// 0, 50, 90, 99 and 99.9 %.
const TICKS: [f64; 5] = [1.0, 2.0, 10.0, 100.0, 1000.0];
const TICKS_MS: [f64; 9] = [5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];

const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const GRID: RGBColor = RGBColor(0xe2, 0xe2, 0xe2);
const OF_LIMIT: RGBColor = RGBColor(0xc6, 0x28, 0x28);
/// In the order of the series; legible for the colour-blind, too.
const COLORS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0x7b, 0x4f, 0xa0),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xb8, 0x86, 0x0b),
    RGBColor(0x6b, 0x6b, 0x6b),
];

type DrawingError = DrawingAreaErrorKind<io::Error>;

/// Latencies with a name.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) took: Vec<Duration>,
}

/// The folder for plots, if the command line has one.
pub(crate) fn folder() -> Option<PathBuf> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--svg");
    arguments.next()?;
    Some(arguments.next().expect("--svg needs a folder").into())
}

/// Writes the plot of some series, if the command line has a folder for it.
pub(crate) fn write(name: &str, title: &str, series: &[Series]) {
    let Some(folder) = folder() else { return };
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.svg"));
    fs::write(&path, drawn(title, series).unwrap()).unwrap();
    println!("written: {}", path.display());
}

/// Latency by percentile: the abscissa stretches the tail, so that 99 % is as far from 90 % as 90 % from 0 %.
fn drawn(title: &str, series: &[Series]) -> Result<String, DrawingError> {
    let most = series.iter().map(|series| series.took.len()).max().unwrap_or(1);
    let last = one_in(share(most - 1, most));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let ticks: Vec<_> = TICKS.into_iter().filter(|tick| *tick <= last).collect();
        let mut chart = ChartBuilder::on(&root)
            .margin(MARGIN)
            .margin_right(MARGIN + LABELS_WIDTH)
            .caption(title, ("sans-serif", 17).into_font().color(&INK))
            .x_label_area_size(AXIS_HEIGHT)
            .y_label_area_size(AXIS_WIDTH)
            .build_cartesian_2d(
                (1.0..last).log_scale().with_key_points(ticks),
                (MIN_MS..MAX_MS).log_scale().with_key_points(TICKS_MS.to_vec()),
            )?;
        let font = || ("sans-serif", FONT_HEIGHT).into_font().color(&INK);
        chart
            .configure_mesh()
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style(font())
            .x_labels(8)
            .y_labels(TICKS_MS.len())
            .x_desc("share of the requests that are answered within this time")
            .y_desc("time, ms")
            .x_label_formatter(&|x| format!("{} %", rounded(100.0 - 100.0 / x)))
            .y_label_formatter(&|ms| rounded(*ms))
            .draw()?;
        chart.draw_series(LineSeries::new([(1.0, LIMIT_MS), (last, LIMIT_MS)], OF_LIMIT.stroke_width(1)))?;
        let of_limit = ("sans-serif", FONT_HEIGHT).into_font().color(&OF_LIMIT);
        chart.draw_series([EmptyElement::at((1.0, LIMIT_MS))
            + Text::new("500 ms", (6, -4), of_limit.pos(Pos::new(HPos::Left, VPos::Bottom)))])?;
        let mut labels = Vec::new();
        for (series, color) in series.iter().zip(COLORS) {
            let points = points(&series.took);
            let Some(tip) = points.last().copied() else { continue };
            chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
            chart.draw_series([Circle::new(tip, 3, color.filled())])?;
            labels.push((chart.backend_coord(&tip).1, series.name.as_str(), color));
        }
        let column = chart.backend_coord(&(last, MIN_MS)).0 + 10;
        for (height, name, color) in spread(labels) {
            let style = ("sans-serif", FONT_HEIGHT).into_font().color(&color);
            root.draw(&Text::new(name, (column, height), style.pos(Pos::new(HPos::Left, VPos::Center))))?;
        }
        root.present()?;
    }
    Ok(svg)
}

/// The place of a percentile on the abscissa: it is exceeded by one in so many.
fn one_in(share: f64) -> f64 {
    1.0 / (1.0 - share)
}

/// Latencies in milliseconds by percentile, from the fastest to the slowest.
fn points(took: &[Duration]) -> Vec<(f64, f64)> {
    let mut took: Vec<_> = took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    took.sort_by(f64::total_cmp);
    let number = took.len();
    took.into_iter().enumerate().map(|(index, ms)| (one_in(share(index, number)), ms)).collect()
}

fn share(part: usize, whole: usize) -> f64 {
    let [part, whole] = [part, whole].map(|number| f64::from(u32::try_from(number).unwrap()));
    part / whole
}

/// Labels at the ends of lines, moved apart so that none covers another.
fn spread(mut labels: Vec<(i32, &str, RGBColor)>) -> Vec<(i32, &str, RGBColor)> {
    labels.sort_by_key(|(height, ..)| *height);
    for lower in 1..labels.len() {
        let upper = labels[lower - 1].0;
        labels[lower].0 = labels[lower].0.max(upper + LINE_HEIGHT);
    }
    labels
}

/// A number without superfluous zeros.
fn rounded(number: f64) -> String {
    format!("{number:.1}").trim_end_matches(".0").to_owned()
}
