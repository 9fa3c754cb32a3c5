-- pandoc's Typst writer drops alternative text, which PDF/UA demands: write figures ourselves.
local function quote(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"') .. '"'
end

local function to_typst(blocks)
  return (pandoc.write(pandoc.Pandoc(blocks), "typst", { wrap_text = "none" }):gsub("%s+$", ""))
end

-- The first figure may float, so that the first page stays short; report.typ says which of the others do.
local floats = "true"

function Figure(figure)
  local image
  figure:walk({ Image = function(found) image = found end })
  if not image then return nil end
  -- pandoc reads an image's alternative text as the image's own words, and takes the caption where there is none.
  -- No alternative text, no document: PDF/UA stops at an image without one.
  local alt = pandoc.utils.stringify(image.caption)
  local is_described = alt ~= "" and alt ~= pandoc.utils.stringify(figure.caption.long)
  local described = is_described and ", alt: " .. quote(alt) or ""
  local text = "#picture(floats: " .. floats .. ", " .. quote(image.src) .. described .. ", [" .. to_typst(figure.caption.long) .. "])"
  floats = "false"
  return pandoc.RawBlock("typst", text)
end

-- A page holds about this many characters of a table's type side by side.
local LINE = 112
local NARROW = 22
-- A table of so few lines stays on one page, and a row of so few on the page where it begins; a page holds about 60.
local SHORT = 14
local LOW = 30
-- A place to break within a word, without width.
local OPENING = "\u{200b}"

local function longest(cells, measure)
  local most = 0
  for _, cell in ipairs(cells) do most = math.max(most, measure(pandoc.utils.stringify(cell.contents))) end
  return most
end

local function longest_word(text)
  local most = 0
  -- A line breaks after a slash too, and where a long name was opened.
  for word in text:gsub(OPENING, " "):gmatch("[^%s/]+/?") do most = math.max(most, utf8.len(word) or #word) end
  return most
end

-- By how many characters the cells of a column run over `width` on average: one long cell alone widens no column.
local function overrun(cells, width, measure)
  local sum = 0
  for _, cell in ipairs(cells) do sum = sum + math.max(0, measure(pandoc.utils.stringify(cell.contents)) - width) end
  return sum / math.max(#cells, 1)
end

-- A long name of two parts, such as a parameter's, may break after its point.
local function open_names(word)
  if #word.text > NARROW and not word.text:find("/") then return pandoc.Str((word.text:gsub("(%l%.)(%l)", "%1" .. OPENING .. "%2"))) end
end

-- How many lines the rows of a table take altogether, and the highest of them; `chars` are what a line of each column holds.
local function count_lines(rows, chars)
  local sum, highest = 0, 1
  for _, row in ipairs(rows) do
    local lines = 1
    for i, cell in ipairs(row.cells) do lines = math.max(lines, math.ceil(longest({ cell }, utf8.len) / chars[i])) end
    sum, highest = sum + lines, math.max(highest, lines)
  end
  return sum, highest
end

-- Tables that would not fit get widths: no column narrower than its longest word, narrow columns on one line, and what
-- is left for the wordy ones. Headings take two lines at most. Short tables stay on one page, and rows are not split.
function Table(tbl)
  tbl = tbl:walk({ Str = open_names })
  local rows = {}
  for _, body in ipairs(tbl.bodies) do for _, row in ipairs(body.body) do rows[#rows + 1] = row end end
  local count = function(text) return utf8.len(text) or #text end
  local needs, widths, over, chars, one_line, total, used, wanting = {}, {}, {}, {}, 0, 0, 0, 0
  for i = 1, #tbl.colspecs do
    local cells, head = {}, { tbl.head.rows[1].cells[i] }
    for _, row in ipairs(rows) do cells[#cells + 1] = row.cells[i] end
    local word = math.max(longest(cells, longest_word), longest(head, longest_word) + 1, math.ceil(longest(head, count) / 2) + 2)
    needs[i] = math.max(longest(cells, count), word) + 2
    widths[i] = needs[i] <= NARROW and needs[i] or word + 2
    one_line = one_line + math.max(needs[i], longest(head, count) + 3)
    total = total + needs[i]
    used = used + widths[i]
    -- Without the room between columns, so that whatever is wider than its column wants something.
    over[i] = overrun(cells, widths[i] - 2, count)
    wanting = wanting + over[i]
  end
  for i, spec in ipairs(tbl.colspecs) do
    local width = nil
    if total <= LINE and one_line > LINE then
      width = needs[i] / LINE
    elseif total > LINE and used < LINE then
      width = (widths[i] + (LINE - used) * over[i] / wanting) / LINE
    end
    tbl.colspecs[i] = { spec[1], width }
    chars[i] = width and math.max(width * LINE - 2, 1) or LINE
  end
  local lines, highest = count_lines(rows, chars)
  local whole = lines > SHORT and "" or "breakable: false"
  local rule = highest > LOW and "" or "#set table.cell(breakable: false)\n"
  return { pandoc.RawBlock("typst", "#block(" .. whole .. ")[" .. rule), tbl, pandoc.RawBlock("typst", "]") }
end

-- Term and meaning in one paragraph.
function DefinitionList(list)
  local lines = {}
  for _, item in ipairs(list.content) do
    local meaning = pandoc.utils.blocks_to_inlines(item[2][1])
    lines[#lines + 1] = "/ " .. to_typst({ pandoc.Plain(item[1]) }) .. ": " .. to_typst({ pandoc.Plain(meaning) })
  end
  return pandoc.RawBlock("typst", table.concat(lines, "\n\n"))
end

-- A box per verdict, drawn by the template.
function Div(div)
  if not div.classes:includes("verdict") then return nil end
  local kind = div.classes:includes("fail") and "true" or "false"
  local blocks = { pandoc.RawBlock("typst", "#verdict(" .. kind .. ")[") }
  for _, block in ipairs(div.content) do blocks[#blocks + 1] = block end
  blocks[#blocks + 1] = pandoc.RawBlock("typst", "]")
  return blocks
end
