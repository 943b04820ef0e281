// The client of epoch.js as tests/conformance drives it: settings from the environment, commands in, events out.
import { createInterface } from 'node:readline'
import { writeSync } from 'node:fs'
import { Client, canonical, follow, readRoots, sha256 } from './epoch.js'

const setting = name => process.env[`CONFORMANCE_${name}`]
const say = (event, members) => writeSync(1, JSON.stringify({ event, ...members }) + '\n')
const digest = config => sha256(canonical(config))
const refusals = new Map()

const client = new Client({
  services: setting('SERVICES').split(','),
  roots: readRoots(setting('ROOTS')),
  source: setting('SOURCE'),
  cache: setting('CACHE'),
  tell: {
    change (service, version, config) {
      const reason = refusals.get(service)
      refusals.delete(service)
      if (reason) throw new Error(reason)
      say('applied', { service, version, epoch: client.head.epoch, sha256: digest(config) })
    },
    removed: service => say('removed', { service }),
    refused: code => say('refused', { code })
  }
})

function sayState (event) {
  const services = Object.fromEntries(Object.entries(client.values).map(([name, config]) => [name, digest(config)]))
  say(event, { freshness: client.freshness().state, generation: client.head?.generation ?? 0, epoch: client.head?.epoch ?? 0, services })
}

client.open()
sayState('opened')
const connection = follow(client, setting('BROKER'), setting('PREFIX'))

let told = ''
const watch = setInterval(() => {
  const now = client.freshness()
  if (JSON.stringify(now) !== told) say('freshness', now)
  told = JSON.stringify(now)
}, 50)

createInterface({ input: process.stdin }).on('line', line => {
  const [word, service, ...reason] = line.split(' ')
  if (word === 'state') sayState('state')
  if (word === 'refuse-next') refusals.set(service, reason.join(' '))
  if (word === 'quit') {
    clearInterval(watch)
    connection.end(true, () => process.exit(0))
  }
})
