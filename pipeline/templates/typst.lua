-- pandoc's Typst writer drops alternative text, which PDF/UA demands: write figures ourselves.
local function quote(text)
  return '"' .. text:gsub("\\", "\\\\"):gsub('"', '\\"') .. '"'
end

function Figure(figure)
  local image
  figure:walk({ Image = function(found) image = found end })
  if not image then return nil end
  local alt = image.attributes.alt or pandoc.utils.stringify(image.caption)
  local caption = pandoc.write(pandoc.Pandoc(figure.caption.long), "typst"):gsub("%s+$", "")
  return pandoc.RawBlock("typst", "#figure(image(" .. quote(image.src) .. ", alt: " .. quote(alt) .. ", width: 66%), caption: [" .. caption .. "], kind: image)")
end

function Table(tbl)
  for i, spec in ipairs(tbl.colspecs) do tbl.colspecs[i] = { spec[1], nil } end
  return tbl
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
