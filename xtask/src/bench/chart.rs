//! Charts as SVG: bars, and small panels with a line each. They bring their own background, so that they can be read on a light page
//! and on a dark one, and no font.

use std::fmt::Write as _;

use super::aims::number;

/// A bar: its name, its value, and whether it is one of ours.
pub struct Bar {
    pub name: String,
    pub value: f64,
    pub is_ours: bool,
}

/// A panel with a line: its title, and the points with their names on the axis.
pub struct Panel {
    pub title: String,
    pub points: Vec<(String, f64)>,
}

/// Colours for light and for dark surroundings, by the reader's own choice.
const STYLE: &str = "\
    .back{fill:#ffffff}.text{fill:#1f2328}.faint{fill:#59636e}.line{stroke:#d1d9e0}.ours{fill:#0969da}.others{fill:#8b949e}\
    .curve{stroke:#0969da;fill:none}.point{fill:#0969da}\
    @media (prefers-color-scheme:dark){.back{fill:#0d1117}.text{fill:#f0f6fc}.faint{fill:#9198a1}.line{stroke:#3d444d}\
    .ours{fill:#4493f8}.others{fill:#6e7681}.curve{stroke:#4493f8}.point{fill:#4493f8}}";
const FONT: &str = "font-family=\"system-ui,sans-serif\" font-size=\"13\"";

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;

/// Bars from left to right, with a line at 1. One that is longer than `longest` is cut off there, and its value says how long it is.
pub fn bars(title: &str, bars: &[Bar], longest: f64) -> String {
    let (row, top, names) = (28.0, 48.0, 260.0);
    let height = top + row * bars.len() as f64 + MARGIN;
    let room = WIDTH - names - 2.0 * MARGIN - 70.0;
    let mut body = text(MARGIN, 26.0, "start", "text", 15, title);
    let one = names + MARGIN + room / longest;
    let _ = writeln!(
        body,
        "<line class=\"line\" x1=\"{one:.1}\" x2=\"{one:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke-dasharray=\"3 3\"/>",
        top - 8.0,
        height - MARGIN
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = top + row * index as f64;
        let length = (bar.value.min(longest) / longest * room).max(1.0);
        let class = if bar.is_ours { "ours" } else { "others" };
        body += &text(names + MARGIN - 8.0, y + 16.0, "end", "text", 13, &bar.name);
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"18\" rx=\"2\"/>",
            names + MARGIN,
            y + 2.0
        );
        let value = if bar.value > longest { format!("{} »", number(bar.value)) } else { number(bar.value) };
        body += &text(names + MARGIN + length + 6.0, y + 16.0, "start", "faint", 13, &value);
    }
    document(title, WIDTH, height, &body)
}

/// How many panels stand side by side.
const COLUMNS: usize = 3;

/// Panels side by side, each with its own axis from 0, and a line at 1.
pub fn panels(title: &str, panels: &[Panel]) -> String {
    let (width, height, top) = ((WIDTH - MARGIN) / COLUMNS as f64, 180.0, 40.0);
    let mut body = text(MARGIN, 26.0, "start", "text", 15, title);
    for (index, one) in panels.iter().enumerate() {
        let (x, y) = (MARGIN + width * (index % COLUMNS) as f64, top + height * (index / COLUMNS) as f64);
        body += &panel(one, x, y, width - MARGIN, height - MARGIN);
    }
    let rows = panels.len().div_ceil(COLUMNS);
    document(title, WIDTH, top + height * rows as f64, &body)
}

fn panel(panel: &Panel, left: f64, top: f64, width: f64, height: f64) -> String {
    let highest = panel.points.iter().map(|(_, value)| *value).fold(1.2, f64::max);
    let (bottom, ceiling) = (top + height - 22.0, top + 26.0);
    let y = |value: f64| bottom - (bottom - ceiling) * value / highest;
    let (first, last) = (left + 24.0, left + width - 20.0);
    let step = (last - first) / panel.points.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| first + step * index as f64;
    let mut body = text(left, top + 14.0, "start", "text", 12, &panel.title);
    for (value, dash) in [(0.0, ""), (1.0, " stroke-dasharray=\"3 3\"")] {
        let _ = writeln!(
            body,
            "<line class=\"line\" x1=\"{left:.1}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"{dash}/>",
            left + width,
            at = y(value)
        );
    }
    let places: Vec<String> = panel
        .points
        .iter()
        .enumerate()
        .map(|(index, (_, value))| format!("{:.1},{:.1}", x(index), y(*value)))
        .collect();
    let _ = writeln!(body, "<polyline class=\"curve\" stroke-width=\"2\" points=\"{}\"/>", places.join(" "));
    for (index, (name, value)) in panel.points.iter().enumerate() {
        let (x, y) = (x(index), y(*value));
        let _ = writeln!(body, "<circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
        // Above the line, unless there is no room.
        let above = if y - ceiling < 14.0 { y + 16.0 } else { y - 8.0 };
        body += &text(x, above, "middle", "faint", 11, &number(*value));
        body += &text(x, bottom + 15.0, "middle", "faint", 11, name);
    }
    body
}

fn document(title: &str, width: f64, height: f64, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{title}\" {FONT}>\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n{body}</svg>\n"
    )
}

fn text(x: f64, y: f64, anchor: &str, class: &str, size: u32, text: &str) -> String {
    let text = escaped(text);
    format!(
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{text}</text>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks through an SVG for what would make it no XML: tags that are not closed in order, and a bare `&` or `<`.
    fn assert_well_formed(svg: &str) {
        let (mut open, mut rest) = (Vec::new(), svg);
        while let Some((before, after)) = rest.split_once('<') {
            for reference in before.split('&').skip(1) {
                assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| reference.starts_with(name)), "{before:?}");
            }
            let (tag, after) = after.split_once('>').expect("a tag ends");
            rest = after;
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
        assert!(svg.starts_with("<svg xmlns=") && !svg.contains("NaN") && !svg.contains("inf"));
    }

    fn bar(name: &str, value: f64) -> Bar {
        Bar { name: name.to_owned(), value, is_ours: false }
    }

    #[test]
    fn charts_are_well_formed_whatever_the_names_and_values_are() {
        let wild = "a <b> & \"c\"";
        let svg = bars(wild, &[bar(wild, 0.5), bar("far", 40.0), bar("nothing", 0.0)], 1.5);
        assert_well_formed(&svg);
        assert!(svg.contains("a &lt;b&gt; &amp; &quot;c&quot;") && svg.contains("40 »"), "{svg}");
        let one = |count: usize| Panel { title: wild.to_owned(), points: vec![(wild.to_owned(), 1.0); count] };
        assert_well_formed(&panels(wild, &[one(0), one(1), one(2), one(5)]));
        assert_well_formed(&panels(wild, &[]));
    }

    #[test]
    fn a_bar_is_as_long_as_its_value_and_no_longer_than_the_longest() {
        let svg = bars("t", &[bar("half", 0.5), bar("one", 1.0), bar("far", 9.0)], 2.0);
        let lengths: Vec<f64> = svg
            .lines()
            .filter_map(|line| {
                line.strip_prefix("<rect class=\"others\"")?.split("width=\"").nth(1)?.split('"').next()?.parse().ok()
            })
            .collect();
        assert_eq!(lengths.len(), 3);
        assert!(
            (lengths[1] - 2.0 * lengths[0]).abs() < 0.2 && (lengths[2] - 2.0 * lengths[1]).abs() < 0.2,
            "{lengths:?}"
        );
    }
}
