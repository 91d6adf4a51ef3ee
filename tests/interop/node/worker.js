// A worker with abraxas for Node. Usage: worker.js PORT; works until it is stopped.
'use strict';

const abraxas = require('abraxas');

const worker = abraxas.Client.connect({ host: '127.0.0.1', port: Number(process.argv[2]) });
worker.setClientId('node-worker');

worker.registerWorker('reverse', (task) => Buffer.from(task.payload).reverse());

worker.registerWorker('updates', (task) => {
  task.status(50);
  task.warn('careful');
  task.end('done');
});

worker.registerWorker('exception', () => {
  throw new Error('what went wrong');
});
