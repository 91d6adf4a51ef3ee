// A client with abraxas for Node. Usage: client.js PORT SCENARIO; prints what it saw as JSON.
'use strict';

const abraxas = require('abraxas');

const [port, scenario] = process.argv.slice(2);
const client = abraxas.Client.connect({ host: '127.0.0.1', port: Number(port), defaultEncoding: 'utf8' });

const scenarios = {
  async do() {
    const texts = ['one', 'two', 'three'];
    return Promise.all(texts.map((text) => client.submitJob('reverse', text)));
  },
  async large() {
    const data = Buffer.alloc(2400000);
    for (let index = 0; index < data.length; index += 1) data[index] = index % 251;
    const result = await client.submitJob('reverse', { encoding: 'buffer' }, data);
    return data.reverse().equals(result);
  },
  async queue() {
    return [
      await client.submitJobBg('f', { priority: 'low' }, 'low'),
      await client.submitJobBg('f', 'normal'),
      await client.submitJobBg('f', { priority: 'high' }, 'high'),
    ];
  },
  async later() {
    return [await client.submitJobAt('f', new Date(Date.now() + 3600000), 'in an hour')];
  },
  async scheduled() {
    return [await client.submitJobSched('f', { minute: 0, hour: 0, day: 1, month: 1, dow: '' }, 'at New Year')];
  },
  async updates() {
    const seen = [];
    const task = client.submitJob('updates', 'x');
    task.on('status', (percent) => seen.push(['status', percent]));
    task.on('warn', (text) => seen.push(['warning', String(text)]));
    seen.push(['complete', await task]);
    return seen;
  },
  async exception() {
    try {
      return ['complete', await client.submitJob('exception', 'x')];
    } catch (error) {
      return ['failed'];
    }
  },
};

scenarios[scenario]().then((seen) => {
  console.log(JSON.stringify(seen));
  client.disconnect();
});
