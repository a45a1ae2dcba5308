# Prints the documents of a YAML stream as GitLab reads them, as one JSON array: safe_load with aliases, symbols and
# the tag !reference permitted (gitlab-org/gitlab, lib/gitlab/config/loader/yaml.rb). What JSON lacks is written with
# its type: a symbol, a number that isn't finite, a key that isn't text.
require "json"
require "psych"

class Reference
  yaml_tag "!reference"
  attr_reader :path

  def init_with(coder)
    @path = coder.seq
  end
end

def name(key)
  key.is_a?(String) ? key : "!#{key.class} #{key}"
end

def plain(value)
  case value
  when Hash then value.to_h { |key, item| [name(key), plain(item)] }
  when Array then value.map { |item| plain(item) }
  when Reference then { "!reference" => plain(value.path) }
  when Symbol then "!Symbol #{value}"
  when Float then value.finite? ? value : "!Float #{value}"
  else value
  end
end

permitted = Psych::ClassLoader::Restricted.new(%w[Symbol Reference], [])
scanner = Psych::ScalarScanner.new(permitted)
begin
  documents = Psych.parse_stream($stdin.set_encoding("UTF-8").read).children.map do |document|
    plain(Psych::Visitors::ToRuby.new(scanner, permitted).accept(document))
  end
rescue Psych::Exception, Psych::SyntaxError => error
  abort(error.message)
end
puts JSON.generate(documents)
