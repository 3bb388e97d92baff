//! Where panels stand: from left to right, and below each other, in 24 columns.

use super::super::model::{Panel, Row};

/// How many columns a dashboard has.
const COLUMNS: u32 = 24;

/// A row's heading, or a panel, in its place.
#[derive(Debug)]
pub(super) enum Placed<'a> {
    Row {
        title: &'a str,
        id: u32,
        y: u32,
        /// The panels of a row that is shut; those of an open one follow it.
        inner: Vec<Self>,
    },
    Panel {
        panel: &'a Panel,
        id: u32,
        x: u32,
        y: u32,
    },
}

/// Every row and panel with its place and an id of its own.
pub(super) fn place(rows: &[Row]) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    let (mut y, mut id) = (0_u32, 0_u32);
    for row in rows {
        let row_id = next(&mut id);
        let (panels, height) = place_panels(&row.panels, y.saturating_add(1), &mut id);
        let heading = |inner| Placed::Row { title: &row.title, id: row_id, y, inner };
        if row.collapsed {
            all.push(heading(panels));
            y = y.saturating_add(1);
        } else {
            all.push(heading(Vec::new()));
            all.extend(panels);
            y = y.saturating_add(1).saturating_add(height);
        }
    }
    all
}

/// The panels of a row from `top` on, and how high they are together.
fn place_panels<'a>(panels: &'a [Panel], top: u32, id: &mut u32) -> (Vec<Placed<'a>>, u32) {
    let (mut x, mut y, mut line_height) = (0_u32, top, 0_u32);
    let mut placed = Vec::new();
    for panel in panels {
        let width = u32::from(panel.width);
        if x.saturating_add(width) > COLUMNS {
            x = 0;
            y = y.saturating_add(line_height);
            line_height = 0;
        }
        placed.push(Placed::Panel { panel, id: next(id), x, y });
        x = x.saturating_add(width);
        line_height = line_height.max(u32::from(panel.height));
    }
    (placed, y.saturating_add(line_height).saturating_sub(top))
}

fn next(id: &mut u32) -> u32 {
    *id = id.saturating_add(1);
    *id
}
