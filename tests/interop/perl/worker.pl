#!/usr/bin/env perl
# A worker with Perl's Gearman::Worker. Usage: worker.pl PORT COUNT; ends after COUNT jobs.
use strict;
use warnings;

use Gearman::Worker;

my ($port, $count) = @ARGV;
my $worker = Gearman::Worker->new(job_servers => ["127.0.0.1:$port"], client_id => 'perl-worker');

$worker->register_function(reverse => sub { return scalar reverse $_[0]->arg });

$worker->register_function(
    updates => sub {
        my ($job) = @_;
        $worker->send_work_data($job, 'first');
        $job->set_status(1, 2);
        $worker->send_work_warning($job, 'careful');
        return 'done';
    }
);

# Fails by returning nothing.
$worker->register_function(fail => sub { return undef });

# Perl's worker turns a die into WORK_EXCEPTION and WORK_FAIL.
$worker->register_function(exception => sub { die "what went wrong\n" });

# With a time limit, sent as CAN_DO_TIMEOUT.
$worker->register_function(limited => 5, sub { return 'in time' });

my $done = 0;
while ($done < $count) {
    $worker->work(
        on_complete => sub { $done++ },
        on_fail     => sub { $done++ },
        stop_if     => sub { $done >= $count },
    );
}
