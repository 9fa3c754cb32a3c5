-- Tables a screen reader can follow and a telephone can scroll: scope on headings, no fixed widths, a region around each.
local LONG = 16

local function set_scope(rows, scope)
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells) do cell.attr.attributes.scope = scope end
  end
end

-- A heading breaks between its words, not within "p-value".
local function keep_hyphens(head)
  local keep = { Str = function(word) return word.text:find("%-") and #word.text <= LONG and pandoc.Span({ word }, pandoc.Attr("", { "whole" })) or nil end }
  for _, row in ipairs(head.rows) do
    for _, cell in ipairs(row.cells) do cell.contents = pandoc.Blocks(cell.contents):walk(keep) end
  end
  return head
end

-- A figure keeps a width at which its words can be read, and scrolls within its frame where the page is narrower.
function Figure(figure)
  local caption = "Figure: " .. pandoc.utils.stringify(figure.caption.long)
  figure.content = { pandoc.Div(figure.content, pandoc.Attr("", { "frame" }, { { "role", "group" }, { "tabindex", "0" }, { "aria-label", caption } })) }
  return figure
end

-- A long name of code, such as a parameter's or a file's, may break after each of its parts.
function Str(word)
  if #word.text <= LONG or not word.text:find("_", 1, true) or not word.text:find("^[%w_./]+$") then return nil end
  local parts = {}
  for part in word.text:gmatch("[^_./]*[_./]?") do
    if part ~= "" then
      parts[#parts + 1] = pandoc.Str(part)
      parts[#parts + 1] = pandoc.RawInline("html", "<wbr>")
    end
  end
  parts[#parts] = nil
  return parts
end

function Table(tbl)
  for i, spec in ipairs(tbl.colspecs) do tbl.colspecs[i] = { spec[1], nil } end
  set_scope(tbl.head.rows, "col")
  tbl.head = keep_hyphens(tbl.head)
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

-- A part that opens on demand, its summary in sight.
function Div(div)
  if not div.classes:includes("fold") then return nil end
  local summary = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ pandoc.Str(div.attributes.summary) }) }), "html")
  local blocks = { pandoc.RawBlock("html", "<details>\n<summary>" .. summary .. "</summary>") }
  for _, block in ipairs(div.content) do blocks[#blocks + 1] = block end
  blocks[#blocks + 1] = pandoc.RawBlock("html", "</details>")
  return blocks
end
