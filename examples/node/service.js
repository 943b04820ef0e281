// A service whose settings follow the repository while it runs.
//
//     node service.js mqtt://HOST root.pub CACHE-FOLDER [SERVICE]
import * as fs from 'node:fs'
import { Client, follow, readRoots } from './epoch.js'

const [url, roots, cache, service = 'stt-worker'] = process.argv.slice(2)
fs.mkdirSync(cache, { recursive: true })

const tell = {
  change (name, version, config) {
    if (config.silence_ms < 100) throw new Error('silence_ms is below 100: the recorder cannot do that')
    console.log(`${name} runs version ${version}: ${JSON.stringify(config)}`)
  },
  removed (name) { console.log(`${name} is no longer configured; its last values stay`) },
  refused (code, reason) { console.error(`refused [${code}]: ${reason}`) }
}

const client = new Client({ services: [service], roots: readRoots(roots), cache, tell })
client.open()
if (client.values[service]) console.log(`${service} starts from disk: ${JSON.stringify(client.values[service])}`)
follow(client, url)
