package identity

import (
	"regexp"

	"github.com/mileusna/useragent"
)

// mostAgents bounds the user agents that a judge remembers.
const mostAgents = 4096

// agent tells whether a leaf, given as its JSON text, is the user agent of a bot.
func (j *Judge) agent(text []byte) bool {
	if bot, ok := j.agents[string(text)]; ok {
		return bot
	}
	if len(j.agents) >= mostAgents {
		clear(j.agents)
	}
	bot := Bot(string(unquoted(text)))
	j.agents[string(text)] = bot
	return bot
}

// Bot tells whether a user agent is that of a crawler, of a program that fetches
// pages for others, of a library or tool that people write scripts with, or of a
// browser without a screen. An empty one is none: nothing is known of it.
func Bot(agent string) bool {
	if agent == "" || phones.MatchString(agent) {
		return false
	}
	return tools.MatchString(agent) || useragent.Parse(agent).Bot
}

// tools are user agents that the library takes for browsers or does not know.
// okhttp and CFNetwork are left out: apps of real people send them, too.
var tools = regexp.MustCompile(`(?i)` +
	`(bot|bots|crawler|crawl|spider|slurp|scraper|archiver)\b` +
	`|^(curl|wget|python|ruby|java|php|perl|go-http-client|httpie|axios|node|undici|guzzle|lynx|postman|insomnia|k6)\b` +
	`|python-(requests|urllib|httpx)|aiohttp|libwww-perl|apache-httpclient|postmanruntime|apachebench|jmeter|scrapy|winhttp` +
	`|headless|phantomjs|puppeteer|playwright|selenium|webdriver|cypress` +
	`|lighthouse|pagespeed|gtmetrix|pingdom|uptime|statuscake|site24x7|monitis|newrelicpinger|datadog` +
	`|facebookexternalhit|facebookcatalog|feedfetcher|mediapartners-google|google-(read-aloud|inspectiontool|structured-data)|googleother|bingpreview` +
	`|(feed|rss|link|validator|checker|fetcher|preview|monitor)(bot|check|checker|fetch|fetcher|reader|validator|parser|preview)` +
	`|ia_archiver|heritrix|nutch|semrush|ahrefs|majestic|seokicks|netcraft|nmap|masscan|zgrab|nikto|sqlmap`)

// phones are devices whose names would be taken for bots.
var phones = regexp.MustCompile(`(?i)\bcubot\b`)
