-- Tables a screen reader can follow and a telephone can scroll: scope on headings, no fixed widths, a region around each.
local function set_scope(rows, scope)
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells) do cell.attr.attributes.scope = scope end
  end
end

function Table(tbl)
  for i, spec in ipairs(tbl.colspecs) do tbl.colspecs[i] = { spec[1], nil } end
  set_scope(tbl.head.rows, "col")
  if tbl.attr.attributes["row-headings"] then
    tbl.attr.attributes["row-headings"] = nil
    for _, body in ipairs(tbl.bodies) do
      body.row_head_columns = 1
      for _, row in ipairs(body.body) do row.cells[1].attr.attributes.scope = "row" end
    end
  end
  local caption = pandoc.utils.stringify(tbl.caption.long)
  return pandoc.Div({ tbl }, pandoc.Attr("", { "scroll" }, { { "role", "region" }, { "tabindex", "0" }, { "aria-label", caption } }))
end
