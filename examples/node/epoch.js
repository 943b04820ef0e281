// A client of epochd in one file: mqtt from npm, Ed25519 and SHA-256 from node:crypto, and nothing of epochd's.
//
// docs/PROTOCOL.md §4 to §8, in the order in which a client does it: verify the bytes, keep what verifies, apply an epoch when
// all of it is here, never go back, know how old the knowledge is. (Not here: the publisher's snapshot, acknowledgements.)
import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto'
import * as fs from 'node:fs'
import mqtt from 'mqtt'

const FORMAT = 1
const MESSAGE_MAX = 320 * 1024
const CONFIG_MAX = 256 * 1024
const INDEX_MAX = 4 * 1024 * 1024
const CHANGED_MAX = 1000
const DEPTH_MAX = 65
const KEYSET_MAX = 8
const CLOCK_SLACK_MS = 30_000

export class Refused extends Error {
  constructor (code, reason) {
    super(reason)
    this.code = code
  }
}

const refuse = (code, reason) => { throw new Refused(code, reason) }
export const sha256 = data => createHash('sha256').update(data).digest('hex')

// --- canonical JSON (§3) ---------------------------------------------------------------------------------------------

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// JavaScript prints numbers and sorts names as RFC 8785 wants it: that is where the RFC has it from.
export function canonical (value, depth = 0) {
  if (depth > DEPTH_MAX) throw new RangeError('nested too deep')
  if (Array.isArray(value)) return `[${value.map(item => canonical(item, depth + 1)).join()}]`
  if (value !== null && typeof value === 'object') {
    return `{${Object.keys(value).sort().map(name => `${canonical(name)}:${canonical(value[name], depth + 1)}`).join()}}`
  }
  if (typeof value === 'string' && (!value.isWellFormed() || value.includes('\0'))) throw new RangeError('half a character, or NUL')
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
  if (isRounded) throw new RangeError('an integer beyond 2^53-1')
  return JSON.stringify(value)
}

// What is not spelled canonically (a name twice, white space, another order) does not come out as it went in.
function parse (bytes) {
  try {
    const text = utf8.decode(bytes)
    const value = JSON.parse(text)
    if (canonical(value) === text) return value
  } catch { /* refused below, whatever it was */ }
  return refuse('message-form', 'not canonical JSON')
}

// --- the form of members ---------------------------------------------------------------------------------------------

const like = expression => value => typeof value === 'string' && expression.test(value)
const hex = digits => like(new RegExp(`^[0-9a-f]{${digits}}$`))
const isName = like(/^[a-z][a-z0-9-]{0,62}$/)
const isNumber = value => Number.isSafeInteger(value) && value >= 0
const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value)
const isConfig = value => isObject(value) && Buffer.byteLength(canonical(value)) <= CONFIG_MAX
const orNull = form => value => value === null || form(value)

const COMMON = {
  type: value => typeof value === 'string', format: value => value === FORMAT, source: isName, generation: isNumber, key_id: hex(16),
  timestamp: like(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
}
const ONE_EPOCH = { config_epoch: hex(40), correlation_id: like(/^[A-Za-z0-9._-]{1,64}$/) }
const FORMS = {
  'config.update': { ...ONE_EPOCH, service: isName, version: isNumber, config: orNull(isConfig), schema: orNull(hex(64)) },
  'config.epoch': {
    ...ONE_EPOCH,
    epoch: isNumber,
    parent: orNull(parent => isObject(parent) && isNumber(parent.epoch) && hex(64)(parent.sha256)),
    changed: orNull(changed => isObject(changed) && Object.keys(changed).length <= CHANGED_MAX &&
      Object.entries(changed).every(([name, version]) => isName(name) && isNumber(version))),
    services: isNumber,
    index: hex(64),
    offset: isNumber
  },
  'config.keepalive': { epoch: isNumber, head: hex(64), sequence: isNumber, ttl_s: isNumber },
  'config.keyset': { keys: keys => Array.isArray(keys) && keys.every(key => isObject(key) && hex(16)(key.id) && hex(64)(key.public)) }
}

function expect (members, forms) {
  if (!isObject(members)) refuse('message-form', 'not an object')
  for (const [name, form] of Object.entries(forms)) {
    if (!Object.hasOwn(members, name) || !form(members[name])) refuse('message-form', `member ${name} is missing or not in its form`)
  }
}

// --- signed messages (§4 to §6) --------------------------------------------------------------------------------------

const ED25519_DER = Buffer.from('302a300506032b6570032100', 'hex') // what DER says in front of the 32 bytes
const publicKey = raw => createPublicKey({ key: Buffer.concat([ED25519_DER, raw]), format: 'der', type: 'spki' })

// root.pub: a Map from key id to key, one line a pinned root.
export function readRoots (path) {
  return new Map(fs.readFileSync(path, 'utf8').trimEnd().split('\n').map(line => {
    const [, id, text] = /^epochd-ed25519-public:([0-9a-f]{16}):([A-Za-z0-9+/]{43}=)$/.exec(line) ?? refuse('key-file', 'not a root.pub')
    const raw = Buffer.from(text, 'base64')
    if (sha256(raw).slice(0, 16) !== id) refuse('key-file', 'it says it holds another key')
    return [id, publicKey(raw)]
  }))
}

// Size, tail, signature; only then the parser.
function openSigned (raw, keys) {
  if (raw.length > MESSAGE_MAX) refuse('message-too-large', `more than ${MESSAGE_MAX} bytes`)
  const [, digits] = /^,"signature":"([0-9a-f]{128})"}$/.exec(raw.subarray(-144).toString('latin1')) ?? refuse('message-form', 'no signature at its end')
  const signed = Buffer.concat([raw.subarray(0, -144), Buffer.from('}')])
  const [signer] = [...keys].find(([, key]) => verifySignature(null, signed, key, Buffer.from(digits, 'hex'))) ??
    refuse('bad-signature', 'no key that counts made the signature')
  const body = parse(signed)
  expect(body, { format: value => Number.isSafeInteger(value) && value > 0 })
  if (body.format > FORMAT) refuse('format-newer', `format ${body.format}, this program knows ${FORMAT}`)
  expect(body, COMMON)
  if (body.key_id !== signer) refuse('bad-key-id', 'key_id is not the key that signed')
  return body
}

function verify (raw, keyset, type, source, service) {
  const body = openSigned(raw, keyset.public)
  if (body.type !== type) refuse('wrong-type', `a ${body.type}, not a ${type}`)
  expect(body, FORMS[type])
  if (body.source !== source) refuse('wrong-source', `from ${body.source}, not from ${source}`)
  if (service && body.service !== service) refuse('wrong-service', `for ${body.service}, not for ${service}`)
  if (body.generation !== keyset.generation) refuse('wrong-generation', `generation ${body.generation}, the keyset's is ${keyset.generation}`)
  return body
}

function verifyKeyset (raw, roots, source) {
  let body
  try {
    body = openSigned(raw, roots)
    expect(body, { type: type => type === 'config.keyset', ...FORMS['config.keyset'] })
    const ids = body.keys.map(key => key.id)
    const isInOrder = ids.every((id, at) => at === 0 || ids[at - 1] < id)
    const isHonest = body.keys.every(key => sha256(Buffer.from(key.public, 'hex')).startsWith(key.id) && !roots.has(key.id))
    if (ids.length < 1 || ids.length > KEYSET_MAX || !isInOrder || !isHonest) refuse('message-form', 'its keys are not what they should be')
  } catch (error) {
    if (['message-too-large', 'format-newer'].includes(error.code)) throw error
    refuse('keyset-refused', error.message)
  }
  if (body.source !== source) refuse('wrong-source', `from ${body.source}, not from ${source}`)
  return { generation: body.generation, raw, public: new Map(body.keys.map(key => [key.id, publicKey(Buffer.from(key.public, 'hex'))])) }
}

// §7: what the `index` of a head binds.
function indexDigest (services) {
  const buckets = Array(256).fill('')
  for (const name of Object.keys(services).sort()) {
    buckets[createHash('sha256').update(name).digest()[0]] += `${name} ${services[name].version} ${services[name].sha256}\n`
  }
  return sha256(Buffer.concat(buckets.map(text => createHash('sha256').update(text).digest())))
}

function readIndex (raw) {
  if (raw.length > INDEX_MAX) refuse('message-too-large', `an index of more than ${INDEX_MAX} bytes`)
  const index = parse(raw)
  expect(index, { type: type => type === 'config.index', services: isObject })
  for (const entry of Object.values(index.services)) expect(entry, { version: isNumber, sha256: hex(64) })
  return index.services
}

// --- order, completeness, freshness (§8) -----------------------------------------------------------------------------

const compare = (a, b) => a.generation - b.generation || a.epoch - b.epoch

// What a consumer knows. `tell` is what the application gives: change(service, version, config), which may throw to refuse;
// removed(service); refused(code, reason).
export class Client {
  constructor ({ services, roots, source = 'config-manager', cache, tell }) {
    Object.assign(this, { follows: services, roots, source, tell, cache: cache && `${cache}/state.json` })
    this.keyset = null // in force
    this.head = null // the applied one
    this.services = {} // of the applied head: name → message; what does not exist is not in it
    this.values = {} // what the application runs with
    this.waiting = null // the highest head above the applied one
    this.held = {} // name → the highest verified message
    this.index = null // the last one that came
    this.early = new Map() // topic → message of a generation whose keyset is not here
    this.sequence = -1
    this.askAgain = () => {}
  }

  // --- on disk: the exact bytes, verified again at a restart

  open () {
    if (!this.cache || !fs.existsSync(this.cache)) return
    try {
      const saved = JSON.parse(fs.readFileSync(this.cache))
      const keyset = verifyKeyset(Buffer.from(saved.keyset), this.roots, this.source)
      if (saved.state) {
        const then = verifyKeyset(Buffer.from(saved.state.keyset), this.roots, this.source)
        this.head = { ...this.readHead(Buffer.from(saved.state.head), then), keysetRaw: then.raw }
        for (const [name, text] of Object.entries(saved.state.services)) {
          const raw = Buffer.from(text)
          this.services[name] = { ...verify(raw, then, 'config.update', this.source, name), raw }
          this.values[name] = this.services[name].config
        }
      }
      this.keyset = keyset
    } catch (error) {
      Object.assign(this, { head: null, services: {}, values: {} })
      this.tell.refused(error.code ?? 'lkg-form', `the cache: ${error.message}`)
    }
  }

  save () {
    if (!this.cache) return
    const services = Object.fromEntries(Object.entries(this.services).map(([name, message]) => [name, message.raw.toString()]))
    const state = this.head && { keyset: this.head.keysetRaw.toString(), head: this.head.raw.toString(), services }
    const file = fs.openSync(`${this.cache}.tmp`, 'w')
    fs.writeSync(file, JSON.stringify({ keyset: this.keyset.raw.toString(), state }))
    fs.fsyncSync(file)
    fs.closeSync(file)
    fs.renameSync(`${this.cache}.tmp`, this.cache)
  }

  // --- what arrives

  topics () {
    return [...['keys', 'epoch', 'index', 'keepalive'].map(kind => `system/${kind}/${this.source}`),
      ...this.follows.map(name => `system/config/${name}`)]
  }

  arrive (topic, raw) {
    if (raw.length === 0 || !this.topics().includes(topic)) return
    try {
      this.take(topic, raw)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.keepForLater(topic, raw)
      this.tell.refused(error.code, error.message)
    }
    this.tryToApply()
  }

  take (topic, raw) {
    const [, kind, name] = topic.split('/')
    if (kind === 'keys') this.takeKeyset(raw)
    else if (kind === 'index') this.index = readIndex(raw)
    else if (!this.keyset) refuse('wrong-generation', 'there is no keyset yet')
    else if (kind === 'epoch') this.takeHead(raw)
    else if (kind === 'keepalive') this.takeKeepalive(raw)
    else this.takeUpdate(raw, name)
  }

  // The next generation may come before its keyset. What a message says of itself is read without trust.
  keepForLater (topic, raw) {
    try {
      if (JSON.parse(raw).generation > (this.keyset?.generation ?? 0)) this.early.set(topic, raw)
    } catch { /* it cannot be of any generation */ }
  }

  takeKeyset (raw) {
    const keyset = verifyKeyset(raw, this.roots, this.source)
    if (this.keyset) {
      if (raw.equals(this.keyset.raw) || keyset.generation < this.keyset.generation) return
      if (keyset.generation === this.keyset.generation) refuse('equivocation', 'another keyset of the same generation')
    }
    Object.assign(this, { keyset, waiting: null, held: {}, sequence: -1 })
    this.save() // from now on an old key is worth nothing, after a restart too
    const early = [...this.early]
    this.early.clear()
    for (const [topic, message] of early) this.arrive(topic, message)
  }

  readHead (raw, keyset) {
    return { ...verify(raw, keyset, 'config.epoch', this.source), raw, sha256: sha256(raw) }
  }

  takeHead (raw) {
    const head = this.readHead(raw, this.keyset)
    for (const known of [this.head, this.waiting].filter(Boolean)) {
      if (head.sha256 === known.sha256 || compare(head, known) < 0) return
      if (compare(head, known) === 0) refuse('equivocation', `another head of epoch ${head.epoch}`)
    }
    this.waiting = head
  }

  takeUpdate (raw, name) {
    const update = { ...verify(raw, this.keyset, 'config.update', this.source, name), raw }
    const held = this.held[name]
    if (held && held.version === update.version && !held.raw.equals(raw)) refuse('equivocation', `another ${name} of version ${update.version}`)
    if (!held || update.version > held.version) this.held[name] = update
  }

  // --- when an epoch is complete

  // The state of `head` from the applied one and what changed; null while something is missing.
  byChanges (head) {
    if (!this.head || head.parent?.sha256 !== this.head.sha256 || !head.changed || head.generation !== this.head.generation) return null
    const state = { ...this.services }
    for (const name of this.follows.filter(name => Object.hasOwn(head.changed, name))) {
      if (this.held[name]?.version !== head.changed[name]) return null
      state[name] = this.held[name]
      if (state[name].config === null) delete state[name]
    }
    return state
  }

  // The state of `head` from nothing: the index that it binds names every message by its digest.
  byIndex (head) {
    if (!this.index || indexDigest(this.index) !== head.index) return null
    const state = {}
    for (const name of this.follows.filter(name => Object.hasOwn(this.index, name))) {
      state[name] = [this.held[name], this.services[name]].find(message => message && sha256(message.raw) === this.index[name].sha256)
      if (!state[name]) return null
    }
    return state
  }

  tryToApply () {
    const state = this.waiting && (this.byChanges(this.waiting) ?? this.byIndex(this.waiting))
    if (!state) return
    const before = this.services
    Object.assign(this, { head: { ...this.waiting, keysetRaw: this.keyset.raw }, services: state, waiting: null })
    this.save() // durable before anybody is told
    for (const name of this.follows) {
      const [was, now] = [before[name], state[name]]
      if (was && !now) this.tell.removed(name)
      if (now && (!was || canonical(was.config) !== canonical(now.config))) this.offer(name, now)
    }
  }

  // The application may refuse; the configuration before stays.
  offer (name, message) {
    try {
      this.tell.change(name, message.version, message.config)
      this.values[name] = message.config
    } catch (error) {
      console.error(`${name}: version ${message.version} refused: ${error.message}`)
    }
  }

  // --- how old what we know is

  takeKeepalive (raw) {
    const keepalive = verify(raw, this.keyset, 'config.keepalive', this.source)
    if (keepalive.sequence <= this.sequence) return
    this.sequence = keepalive.sequence
    if (keepalive.head !== this.head?.sha256) {
      if (this.askedFor !== keepalive.head) this.askAgain()
      this.askedFor = keepalive.head
      return
    }
    this.isClockWrong = Math.abs(Date.now() - Date.parse(keepalive.timestamp)) > keepalive.ttl_s * 1000 + CLOCK_SLACK_MS
    // Node has no clock that counts suspend (CLOCK_BOOTTIME); after one it says FRESH for too long, by at most ttl_s.
    if (!this.isClockWrong) this.freshUntil = performance.now() + keepalive.ttl_s * 1000
  }

  freshness () {
    if (!this.head) return { state: 'UNKNOWN' }
    if (this.isClockWrong) return { state: 'STALE', reason: 'clock' }
    if (this.freshUntil === undefined) return { state: 'LKG' }
    return { state: performance.now() < this.freshUntil ? 'FRESH' : 'STALE' }
  }
}

// --- MQTT ------------------------------------------------------------------------------------------------------------

export function follow (client, url, prefix = '') {
  const before = prefix && `${prefix}/`
  const connection = mqtt.connect(url, { protocolVersion: 5, clean: true, resubscribe: false, properties: { maximumPacketSize: INDEX_MAX + 1024 } })
  client.askAgain = () => connection.subscribe(client.topics().map(topic => before + topic), { qos: 1 })
  connection.on('connect', client.askAgain)
  connection.on('error', () => {}) // it connects again by itself
  connection.on('message', (topic, payload) => client.arrive(topic.slice(before.length), payload))
  return connection
}
